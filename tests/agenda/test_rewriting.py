"""A mailing laid out in a form keeps the rules of a file."""

import pytest

from mailer.agenda import checking, rewriting
from mailer.agenda.model import OF_ITSELF, UNASKED, CalendarPart, MailingKind
from mailer.agenda.rewriting import FIELDS, added, begun, key_of, put_back, rewritten, taken_out, tried
from mailer.errors import BadInput
from tests.web.agendas import CONFERENCE

LAID_OUT = {
    "kind": "practical",
    "title": "Where we meet",
    "audience": "everyone",
    "when": "as soon as published",
}
SOUND = {**LAID_OUT, "useful_until": "the event starts"}


def _wrong(error: BadInput) -> set[str | None]:
    return {each.field for each in error.problems}


def test_what_is_changed_is_changed_and_nothing_else() -> None:
    event = rewritten(CONFERENCE, "report", {"title": "The report", "calendar": "none"})

    assert event.mailing("report").title == "The report"
    assert event.mailing("report").calendar is CalendarPart.NONE
    back = rewritten(event, "report", {"title": CONFERENCE.mailing("report").title})
    assert back == CONFERENCE


def test_a_mailing_keeps_its_key() -> None:
    event = rewritten(CONFERENCE, "report", {"key": "another", "title": "The report"})

    assert [each.key for each in event.mailings] == [each.key for each in CONFERENCE.mailings]


def test_all_that_is_wrong_is_said_with_its_field() -> None:
    wrong = {"audience": "role = friend", "when": "sometime", "useful_until": "never"}

    with pytest.raises(BadInput) as error:
        rewritten(CONFERENCE, "invitation", wrong)
    assert _wrong(error.value) == {"audience", "when", "useful_until"}
    with pytest.raises(BadInput) as error:
        rewritten(CONFERENCE, "invitation", {**wrong, "title": "", "kind": "update", "calendar": "all"})
    assert _wrong(error.value) == set(FIELDS) - {"again_when_moved"}


def test_what_stands_in_for_a_wrong_value_is_blamed_for_nothing() -> None:
    with pytest.raises(BadInput) as error:
        rewritten(CONFERENCE, "session-reminder", {"title": " ", "kind": "letter"})
    assert _wrong(error.value) == {"title", "kind"}


def test_a_session_that_is_not_there_is_named_by_no_rule() -> None:
    with pytest.raises(BadInput, match="there is no session 'session-9'"):
        rewritten(CONFERENCE, "report", {"when": "1 hour after session-9 ends"})


@pytest.mark.parametrize("key", ["nothing", *UNASKED])
def test_what_is_no_mailing_of_the_agenda_is_neither_changed_nor_taken_out(key: str) -> None:
    with pytest.raises(KeyError):
        rewritten(CONFERENCE, key, {"title": "Another"})
    with pytest.raises(KeyError):
        taken_out(CONFERENCE, key)
    with pytest.raises(KeyError):
        put_back(CONFERENCE, CONFERENCE, key, {})


@pytest.mark.parametrize("kind", [kind for kind in MailingKind if kind not in OF_ITSELF])
def test_every_kind_begins_soundly(kind: MailingKind) -> None:
    mailing = begun(kind)

    event = added(CONFERENCE, "one-more", mailing.model_dump(exclude={"key"}))
    assert event.mailings == (*CONFERENCE.mailings, mailing.model_copy(update={"key": "one-more"}))


def test_a_kind_that_leaves_by_itself_is_not_begun() -> None:
    assert rewriting.BEGINNINGS.keys() == set(MailingKind) - set(OF_ITSELF)


def test_all_that_is_wrong_with_a_new_one_is_said() -> None:
    with pytest.raises(BadInput) as error:
        added(CONFERENCE, "one-more", {"kind": "practical", "when": "sometime"})
    assert _wrong(error.value) == {"title", "audience", "when", "useful_until"}


def test_what_was_taken_out_is_put_back_where_it_stood() -> None:
    without = taken_out(CONFERENCE, "reminder")

    assert [each.key for each in without.mailings] == [
        each.key for each in CONFERENCE.mailings if each.key != "reminder"
    ]
    assert put_back(without, CONFERENCE, "reminder", {}) == CONFERENCE
    assert put_back(taken_out(without, "agenda"), CONFERENCE, "reminder", {}).mailings[1].key == "reminder"
    renamed = put_back(without, CONFERENCE, "reminder", {"title": "Please answer"})
    assert renamed.mailing("reminder").title == "Please answer"


def test_the_last_mailing_can_be_taken_out() -> None:
    event = CONFERENCE
    for mailing in CONFERENCE.mailings:
        event = taken_out(event, mailing.key)
    assert event.mailings == ()
    assert [each.key for each in added(event, "one", SOUND).mailings] == ["one"]


def test_a_key_is_made_of_the_title_and_is_nobody_elses() -> None:
    assert key_of("Où nous trouver ?", CONFERENCE) == "ou-nous-trouver"
    assert key_of("معلومات", CONFERENCE) == "mailing"
    assert key_of("Invitation", CONFERENCE) == "invitation-2"
    assert key_of("Update", CONFERENCE) == "update-2"
    assert key_of("New", CONFERENCE) == f"{checking.NEW}-2"
    assert key_of("Thanks", CONFERENCE, {"thanks", "thanks-2"}) == "thanks-3"


def test_of_a_half_filled_form_everything_is_taken_that_can_be_understood() -> None:
    before = begun(MailingKind.REMINDER)
    mailing, problems = tried(CONFERENCE, before, {"audience": "role = speaker", "when": "2 days bef"})

    assert (mailing.audience, mailing.when) == ("role = speaker", before.when)
    assert {each.field for each in problems} == {"when"}
    mailing, problems = tried(CONFERENCE, before, {"title": "", "when": "2 days before the event starts"})
    assert (mailing.title, mailing.when) == (before.title, "2 days before the event starts")
    assert {each.field for each in problems} == {"title"}
    assert tried(CONFERENCE, before, {}) == (before, [])
