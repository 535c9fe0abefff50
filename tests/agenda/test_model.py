"""The values themselves: what they refuse, and what they derive."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from mailer.agenda.model import AgendaVersion, MailingKind, Session, SessionKind, Venue
from tests import conference


def session(**facts: object) -> Session:
    given = {"key": "one", "title": "One", "starts_at": conference.STARTS_AT, "ends_at": conference.ENDS_AT}
    return Session.model_validate(given | facts)


def test_instants_are_kept_in_utc_and_naive_ones_refused() -> None:
    vienna = timezone(timedelta(hours=1))
    kept = session(starts_at=datetime(2027, 3, 10, 9, tzinfo=vienna)).starts_at
    assert (kept, kept.tzinfo) == (datetime(2027, 3, 10, 8, tzinfo=UTC), UTC)
    with pytest.raises(ValidationError, match="timezone"):
        session(starts_at=datetime(2027, 3, 10, 9))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize("key", ["", "-one", "One", "one_two", "é", "x" * 64, "one\n"])
def test_a_key_is_a_short_plain_word(key: str) -> None:
    with pytest.raises(ValidationError, match="key"):
        session(key=key)


@pytest.mark.parametrize("title", ["", "  ", "a\nb", "a\rb", "a\0b", "a\u2028b", "a\x85b", "x" * 301])
def test_a_title_is_one_line_without_control_characters(title: str) -> None:
    with pytest.raises(ValidationError, match="title"):
        session(title=title)


@pytest.mark.parametrize("title", [";,\\", "END:VEVENT", '"^n', "x" * 300, "Größe – ليلى"])
def test_what_only_a_calendar_finds_hard_is_kept_as_it_is(title: str) -> None:
    assert session(title=title).title == title


def test_only_breaks_leave_their_reader_free() -> None:
    assert [kind for kind in SessionKind if not session(kind=kind).blocks] == [SessionKind.BREAK]


def test_a_venue_in_one_line() -> None:
    assert conference.VENUE.one_line == (
        "Großer Vortragssaal, Federal Ministry of the Interior of the Republic of Austria, "
        "Minoritenplatz 9, 1010 Vienna"
    )
    assert Venue(name="Hall", street="Street 1", city="Vienna").one_line == "Hall, Street 1, Vienna"


def test_an_event_lasts_from_its_first_start_to_its_last_end() -> None:
    days = [
        session(
            key="long", starts_at=conference.at("09:00"), ends_at=conference.at("09:00") + timedelta(days=2)
        ),
        session(key="early", starts_at=conference.at("08:00"), ends_at=conference.at("10:00")),
    ]
    event = conference.EVENT.model_copy(update={"sessions": tuple(days)})
    assert (event.starts_at, event.ends_at) == (
        conference.at("08:00"), conference.at("09:00") + timedelta(days=2)
    )  # fmt: skip


def test_sessions_and_mailings_are_found_by_key() -> None:
    assert conference.EVENT.session("lunch").title == "Lunch break"
    assert conference.EVENT.mailing("report").title == "With our thanks"
    for find in (conference.EVENT.session, conference.EVENT.mailing):
        with pytest.raises(KeyError, match="nowhere"):
            find("nowhere")


def test_reminders_are_the_two_kinds_whose_moment_matters() -> None:
    mailing = conference.MAILINGS[0]
    kinds = [k for k in MailingKind if mailing.model_copy(update={"kind": k}).is_reminder]
    assert kinds == [MailingKind.REMINDER, MailingKind.SESSION_REMINDER]


def test_a_version_comes_back_from_its_json_as_it_was() -> None:
    version = conference.version()
    assert AgendaVersion.model_validate_json(version.model_dump_json()) == version
