"""Files attached to a mailing on the desk, and taken off: the same rules, every problem at once."""

import pytest

from mailer.agenda import editing, rewriting, writing
from mailer.agenda.attaching import HandedIn, attach, contents_of, take_off
from mailer.agenda.attachments import LARGEST
from mailer.agenda.changes import differences, in_words
from mailer.errors import BadInput
from tests.web.agendas import CONFERENCE as EVENT

PROGRAMME = HandedIn(given="programme.pdf", content=b"%PDF-1.7 first\n")
CHANGED = HandedIn(given="Programme.pdf", content=b"%PDF-1.7 second\n")
PLAN = HandedIn(given="C:\\Users\\maria\\U\u0308bersicht.pdf", content=b"%PDF-1.7 plan\n")
AT = f"{EVENT.key}/invitation"


def _files(event=EVENT) -> list[str]:  # type: ignore[no-untyped-def]
    return [each.file for each in event.mailing("invitation").attachments]


def _wrong(*files: HandedIn) -> list[str]:
    with pytest.raises(BadInput) as refused:
        attach(EVENT, "invitation", files)
    assert {each.field for each in refused.value.problems} == {"attachments"}
    return [each.message for each in refused.value.problems]


def test_files_are_attached_in_their_order_without_the_folders_they_came_from() -> None:
    event = attach(EVENT, "invitation", [PROGRAMME, PLAN])
    assert _files(event) == [f"{AT}/programme.pdf", f"{AT}/Übersicht.pdf"]
    assert contents_of([PROGRAMME, PLAN]).keys() == {each.digest for each in event.attachments}
    assert [m for m in event.mailings if m.key != "invitation"] == [
        m for m in EVENT.mailings if m.key != "invitation"
    ]


def test_a_file_of_the_same_name_takes_the_others_place() -> None:
    event = attach(attach(EVENT, "invitation", [PROGRAMME, PLAN]), "invitation", [CHANGED])
    assert _files(event) == [f"{AT}/programme.pdf", f"{AT}/Übersicht.pdf"]
    assert {each.digest for each in event.attachments} == contents_of([CHANGED, PLAN]).keys()


def test_a_file_is_taken_off_again() -> None:
    event = take_off(attach(EVENT, "invitation", [PROGRAMME, PLAN]), "invitation", f"{AT}/programme.pdf")
    assert _files(event) == [f"{AT}/Übersicht.pdf"]
    for mailing, file in (("invitation", "programme.pdf"), ("update", "x"), ("nowhere", "x")):
        with pytest.raises(KeyError):
            take_off(event, mailing, file)
    with pytest.raises(KeyError):
        attach(EVENT, "update", [PROGRAMME])


def test_everything_that_is_wrong_is_told_at_once() -> None:
    said = _wrong(
        HandedIn(given="setup.exe", content=b"MZ"),
        HandedIn(given="empty.pdf", content=b""),
        HandedIn(given="a\u202eb.pdf", content=b"x"),
        PROGRAMME,
        CHANGED,
    )
    assert [message.partition(" ")[0] for message in said] == [
        "'programme.pdf'", "'setup.exe'", "'empty.pdf'", "'a\\u202eb.pdf'",
    ]  # fmt: skip
    assert _wrong() == ["choose a file: nothing came"]
    assert _wrong(HandedIn(given="a.pdf", content=bytes(LARGEST)), PROGRAMME)[0].startswith("these are 7 MB")


def test_the_difference_names_the_files() -> None:
    event = attach(EVENT, "invitation", [PROGRAMME])
    said = in_words(differences(EVENT, event), EVENT, event)
    assert "Invitation: attachments none -> programme.pdf (15 bytes, " in said


def test_other_edits_leave_the_files_as_they_are() -> None:
    """Each edit is made to the tables of a file, which only name the files."""
    event = attach(EVENT, "invitation", [PROGRAMME, PLAN])
    edited = editing.change_session(event, "opening", {"title": "Welcome"})
    assert edited.mailings == event.mailings
    assert editing.doubts(event) == editing.doubts(EVENT)
    renamed = rewriting.rewritten(event, "invitation", {"title": "Another title"})
    assert renamed.mailing("invitation").attachments == event.mailing("invitation").attachments
    assert rewriting.put_back(rewriting.taken_out(event, "invitation"), event, "invitation", {}) == event
    tables = writing.document(event, today=writing.first_day(event))
    assert f'attachments = [\n    "{AT}/programme.pdf",\n    "{AT}/Übersicht.pdf",\n]\n' in writing.text(
        tables
    )


def test_what_was_attached_is_carried_over_to_a_newer_version() -> None:
    newer = editing.change_session(EVENT, "opening", {"title": "Welcome"})
    carried = editing.carry_over(EVENT, attach(EVENT, "invitation", [PROGRAMME]), newer)
    assert (_files(carried), carried.sessions) == ([f"{AT}/programme.pdf"], newer.sessions)
