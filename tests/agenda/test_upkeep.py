"""What a letter does to entries: a value that is kept by what it says."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from mailer.agenda.upkeep import Cause, Told, Upkeep
from tests import conference

AT = datetime(2027, 1, 11, 8, 0, tzinfo=UTC)
EVENT = Told(anchor="event", version=3, sequence=2, asked=True)
OFF = Told(anchor="session-1", version=1, sequence=1, asked=False, cancelled=True)
UPKEEP = Upkeep(cause=Cause.AGENDA, since=2, stamped_at=AT, told=(EVENT, OFF))


def test_the_same_upkeep_has_the_same_digest_and_is_read_back_as_it_was() -> None:
    other = Upkeep(cause=Cause.AGENDA, since=2, stamped_at=AT, told=(EVENT.model_copy(), OFF))
    assert other.digest == UPKEEP.digest
    assert Upkeep.model_validate_json(UPKEEP.document) == UPKEEP


def test_the_digest_is_of_the_document_and_so_of_the_moment_however_it_is_written() -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=1)))
    other = Upkeep(cause=Cause.AGENDA, since=2, stamped_at=elsewhere, told=(EVENT, OFF))
    assert other == UPKEEP
    assert Upkeep.model_validate_json(other.document).digest == UPKEEP.digest


@pytest.mark.parametrize(
    "change",
    [
        {"cause": Cause.CHOICE},
        {"since": 1},
        {"later": (("session-2", 4),)},
        {"stamped_at": AT + timedelta(seconds=1)},
        {"told": (OFF, EVENT)},
        {"told": (EVENT,)},
        {"told": (EVENT.model_copy(update={"sequence": 3}), OFF)},
        {"told": (EVENT.model_copy(update={"answer": "accepted"}), OFF)},
        {"answers": (("event", "accepted"),)},
    ],
)
def test_another_upkeep_has_another_digest(change: dict[str, object]) -> None:
    assert UPKEEP.model_copy(update=change).digest != UPKEEP.digest


def test_composing_needs_the_version_it_is_told_since_and_those_of_all_that_is_told() -> None:
    versions = {number: conference.version(number=number) for number in range(1, 5)}
    assert UPKEEP.versions == {1, 2, 3}
    assert UPKEEP.earlier(versions.__getitem__) == {number: versions[number] for number in (1, 2, 3)}
    assert UPKEEP.model_copy(update={"later": (("session-2", 4),)}).versions == {1, 2, 3, 4}


def test_a_moment_without_a_zone_or_a_word_too_many_is_refused() -> None:
    with pytest.raises(ValidationError):
        Upkeep(cause=Cause.AGENDA, since=1, stamped_at=AT.replace(tzinfo=None), told=())
    with pytest.raises(ValidationError):
        Told.model_validate({"anchor": "event", "version": 1, "sequence": 0, "asked": True, "why": "so"})
