"""A mailing changed in a form keeps the rules of a file."""

import pytest

from mailer.agenda.model import CalendarPart
from mailer.agenda.rewriting import rewritten
from mailer.errors import BadInput
from tests.conference import EVENT


def test_what_is_changed_is_changed_and_nothing_else() -> None:
    event = rewritten(EVENT, "report", {"title": "The report", "calendar": "none"})

    assert event.mailing("report").title == "The report"
    assert event.mailing("report").calendar is CalendarPart.NONE
    back = rewritten(event, "report", {"title": EVENT.mailing("report").title})
    assert back == EVENT


def test_all_that_is_wrong_is_said_with_its_field() -> None:
    wrong = {"audience": "role = friend", "when": "sometime", "useful_until": "never"}

    with pytest.raises(BadInput) as error:
        rewritten(EVENT, "invitation", wrong)
    assert {each.field for each in error.value.problems} == {"audience", "when", "useful_until"}
    with pytest.raises(BadInput) as error:
        rewritten(EVENT, "invitation", {"title": "", "kind": "update", "calendar": "all"})
    assert {each.field for each in error.value.problems} == {"title", "kind", "calendar"}


def test_a_session_that_is_not_there_is_named_by_no_rule() -> None:
    with pytest.raises(BadInput, match="there is no session 'session-9'"):
        rewritten(EVENT, "report", {"when": "1 hour after session-9 ends"})


@pytest.mark.parametrize("key", ["nothing", "update", "confirmation"])
def test_what_is_no_mailing_of_the_agenda_is_not_changed(key: str) -> None:
    with pytest.raises(KeyError):
        rewritten(EVENT, key, {"title": "Another"})
