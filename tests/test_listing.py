"""The list changed by hand: what the pages do, without the pages."""

import pytest

from mailer.errors import ConvenorError
from mailer.importing import Missing
from mailer.listing import Listing, Overtaken, Unknown
from mailer.outbox import audit, people
from mailer.outbox.letter import LetterState
from mailer.outbox.letters import search
from mailer.outbox.people import Listed
from mailer.recipients.cells import COLUMNS
from mailer.recipients.model import Recipient
from mailer.recipients.reading import Reading
from tests.conference import EVENT, EXPERT, PRACTITIONER, RECIPIENTS
from tests.web.conftest import empty_desk
from tests.web.desk import Desk

__all__ = ["empty_desk"]


@pytest.fixture
def desk(empty_desk: Desk) -> Desk:
    """Published, and the invitations written down; none has left."""
    empty_desk.publish()
    empty_desk.service.plan(empty_desk.clock())
    return empty_desk


def listing(desk: Desk) -> Listing:
    handle_of = desk.office.sender.signer.handle
    return Listing(
        database=desk.database, event=EVENT.key, handle_of=handle_of, who="Maria", now=desk.clock()
    )


def number(desk: Desk, address: str = PRACTITIONER.address) -> int:
    with desk.database.reading() as c:
        found = people.links_of(c, EVENT.key, address)
        assert found
        return people.number_of(c, found[0])


def roster(desk: Desk) -> dict[str, Recipient]:
    with desk.database.reading() as c:
        return {each.recipient.address: each.recipient for each in people.roster(c, EVENT.key)}


def somebody(desk: Desk) -> Listed:
    with desk.database.reading() as c:
        found = people.somebody(c, EVENT.key, number(desk))
    assert found
    return found


def deeds(desk: Desk) -> list[str]:
    with desk.database.reading() as c:
        assert audit.broken_at(c) is None
        return [each.did for each in audit.deeds(c) if each.who == "Maria"]


def states(desk: Desk) -> set[LetterState]:
    with desk.database.reading() as c:
        return {row.state for row in search(c, EVENT.key, address=PRACTITIONER.address)}


def test_letters_follow_a_correction_and_nobody_elses_are_touched(desk: Desk) -> None:
    before = desk.dump()["recipient_revision"]
    listing(desk).correct(number(desk), 1, PRACTITIONER.model_copy(update={"family_name": "Horvat"}))
    assert len(desk.dump()["recipient_revision"]) == len(before) + 1
    desk.service.deliver(desk.relay, desk.clock)
    assert len(desk.tray.search("Horvat")) == 1
    assert deeds(desk) == ["corrected"]


def test_the_same_again_is_no_deed(desk: Desk) -> None:
    assert listing(desk).correct(number(desk), 1, PRACTITIONER) == number(desk)
    assert deeds(desk) == []


def test_nothing_of_somebody_elses_is_undone(desk: Desk) -> None:
    listing(desk).correct(number(desk), 1, PRACTITIONER.model_copy(update={"title": "Prof"}))
    before = desk.dump()
    for deed in (
        lambda: listing(desk).correct(number(desk), 1, PRACTITIONER),
        lambda: listing(desk).take_off(number(desk), 1),
        lambda: listing(desk).put_back(number(desk), 2),
    ):
        with pytest.raises(Overtaken):
            deed()
    assert desk.dump() == before


def test_an_address_of_somebody_else_is_refused_and_of_somebody_who_left_is_not(desk: Desk) -> None:
    said = PRACTITIONER.model_copy(update={"address": EXPERT.address.upper()})
    with pytest.raises(ConvenorError, match="is on the list already"):
        listing(desk).correct(number(desk), 1, said)
    listing(desk).take_off(number(desk, EXPERT.address), 1)
    assert listing(desk).correct(number(desk), 1, said) == number(desk, EXPERT.address)


def test_somebody_at_another_address_leaves_and_comes_with_all_that_was_said_of_them(desk: Desk) -> None:
    new, before = "right@prosecution.example", roster(desk)
    listing(desk).readdress(number(desk), f" {new} ")
    moved = PRACTITIONER.model_copy(update={"address": new})
    assert roster(desk) == {**{a: each for a, each in before.items() if each != PRACTITIONER}, new: moved}

    listing(desk).readdress(
        number(desk, new), PRACTITIONER.address.upper()
    )  # and back again: they are whom they were
    assert [*map(str.lower, roster(desk))] == [*map(str.lower, before)]
    assert deeds(desk) == ["corrected", "corrected"]


def test_nobody_takes_anothers_place(desk: Desk) -> None:
    before = desk.dump()
    for written, why in (
        (EXPERT.address, "is on the list already"),
        (PRACTITIONER.address, "is the address that stands in the list"),
        ("a@x.example, b@x.example", "is not one valid address"),
        ("", "it has no address"),
    ):
        with pytest.raises(ConvenorError, match=why):
            listing(desk).readdress(number(desk), written)
    assert desk.dump() == before


def test_who_is_taken_off_gets_nothing_and_who_comes_back_gets_it(desk: Desk) -> None:
    listing(desk).take_off(number(desk), 1)
    assert states(desk) == {LetterState.WITHDRAWN}
    listing(desk).put_back(number(desk), 1)
    assert somebody(desk).left_at is None
    desk.work()
    assert states(desk) == {LetterState.WITHDRAWN, LetterState.SENT}
    assert deeds(desk) == ["put back on the list", "took off the list"]


def test_nobody_is_unknown(desk: Desk) -> None:
    for deed in (
        lambda: listing(desk).correct(999, 1, PRACTITIONER),
        lambda: listing(desk).take_off(999, 1),
        lambda: listing(desk).put_back(999, 1),
        lambda: listing(desk).readdress(999, "a@x.example"),
        lambda: listing(desk).revoke(999),
        lambda: listing(desk).clear(999),
    ):
        with pytest.raises(Unknown):
            deed()
    assert deeds(desk) == []


def test_links_of_the_next_generation_are_what_the_command_line_makes(desk: Desk) -> None:
    listing(desk).revoke(number(desk))
    with desk.database.reading() as c:
        links = people.links_of(c, EVENT.key, PRACTITIONER.address)
    handle = desk.office.sender.signer.handle(EVENT.key, PRACTITIONER.address, 1)
    assert links == (handle, 1)


def test_a_file_is_taken_over_whole_or_not_at_all(desk: Desk) -> None:
    with desk.database.reading() as c:
        seen = people.sign_of_list(c, EVENT.key)
    new = EXPERT.model_copy(update={"address": "new@x.example"})
    reading = Reading(file="l.csv", recipients=(new, PRACTITIONER), rows=(2, 3))
    with pytest.raises(Overtaken):
        listing(desk).take_over(reading, Missing.NOBODY, tuple(COLUMNS), seen="x", without_refused=True)
    found = listing(desk).take_over(
        reading, Missing.EVERYBODY, tuple(COLUMNS), seen=seen, without_refused=False
    )
    assert found.summary == f"1 added, {len(RECIPIENTS) - 1} taken off, 1 as they were"
    with desk.database.reading() as c:
        listed = {each.recipient for each in people.roster(c, EVENT.key)}
    assert listed == {new, PRACTITIONER}
    assert deeds(desk) == ["took over a list"]
