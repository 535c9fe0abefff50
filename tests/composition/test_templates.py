"""The letters themselves: complete, true to the agenda, fit for mail programs, closed to strangers' text."""

import re
from collections.abc import Mapping
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mailer.agenda.model import CalendarPart, Event, MailingKind, Session
from mailer.agenda.upkeep import Cause, Upkeep
from mailer.composition import wording
from mailer.composition.placeholders import context
from mailer.composition.typesetting import visible
from mailer.composition.wording import Words
from mailer.recipients.model import Recipient
from tests import conference

FOLDER = Path(__file__).parents[2] / "templates"
WORDING = wording.load(FOLDER)
ENGLISH_ONLY = ["agenda", "practical", "session-reminder", "report"]


def written(
    kind: str,
    recipient: Recipient = conference.PRACTITIONER,
    event: Event = conference.EVENT,
    number: int = 1,
) -> Words:
    version = conference.version(event, number=number)
    facts = conference.facts_of(MailingKind(kind), version)
    mailing = facts["mailing"]
    language = wording.choose_language(WORDING, mailing.kind, recipient.language, event.language)
    values = context(
        version=version,
        **facts,
        recipient=recipient,
        links=conference.links(event),
        language=language,
        due_at=conference.PUBLISHED_AT,
    )
    return wording.render(WORDING, mailing.kind, values, recipient.language, event.language)


EVERY = pytest.mark.parametrize(
    ("kind", "recipient"),
    [
        pytest.param(kind.value, recipient, id=f"{kind}-{recipient.role}-{recipient.language}")
        for kind in MailingKind
        for recipient in conference.RECIPIENTS
    ],
)


class Page(HTMLParser):
    """What a letter's HTML holds: visible text, links, tables, and whether every tag is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.links: set[str] = set()
        self.tables: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in {"meta", "br"}:
            self.open.append(tag)
        if tag == "a":
            self.links.add(dict(attrs)["href"] or "")
        if tag == "table":
            self.tables.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += f" {data}"


def flat(text: str) -> str:
    """Text as one line, without the marks that steer its direction."""
    return " ".join(re.sub("[\u200f\u2068\u2069]", "", text).split())


def test_the_folder_has_no_problem_and_english_for_what_is_not_translated() -> None:
    problems = wording.check(WORDING, "en", "fr", "ar")
    assert [str(problem) for problem in problems if not problem.warning] == []
    assert {(problem.file, problem.field) for problem in problems} == {
        (f"{kind}/", language) for kind in ENGLISH_ONLY for language in ("fr", "ar")
    }


@EVERY
def test_a_letter_says_what_its_calendar_entry_says_in_both_parts(kind: str, recipient: Recipient) -> None:
    words, event = written(kind, recipient), conference.EVENT
    session = event.session("session-2")
    hours = ["11:30–12:45"] if kind == "session-reminder" else ["08:45–17:00"]
    points = session.points if kind in {"agenda", "session-reminder"} else ()
    place = (event.venue.room, event.venue.name, event.venue.street, event.venue.city)
    convened = (event.organiser.name, event.organiser.address)
    for part in (flat(words.text), flat(Page(words.html).text)):
        for said in (event.title, *hours, *points, *place, *convened):
            assert str(said) in part


@EVERY
def test_a_letter_carries_the_personal_page_and_unsubscribe(kind: str, recipient: Recipient) -> None:
    words, links = written(kind, recipient), conference.links()
    page = Page(words.html)
    for address in (links.page, links.unsubscribe):
        assert f"\n{address}\n" in words.text
        assert address in page.links
    assert "Unsubscribe" in words.text
    assert "Unsubscribe" in page.text


@EVERY
def test_plain_text_is_set_in_72_columns(kind: str, recipient: Recipient) -> None:
    long = [line for line in written(kind, recipient).text.splitlines() if visible(line) > 72]
    assert [line for line in long if not line.startswith("https://")] == []


@EVERY
def test_plain_text_has_no_stray_blanks(kind: str, recipient: Recipient) -> None:
    text = written(kind, recipient).text
    assert "\n\n\n" not in text
    assert text == text.strip() + "\n"
    assert [line for line in text.splitlines() if line != line.rstrip(" ")] == []


@EVERY
def test_html_is_small_whole_and_self_contained(kind: str, recipient: Recipient) -> None:
    html = written(kind, recipient).html
    page = Page(html)
    assert len(html.encode()) < 90_000
    assert page.open == []
    assert not {"img", "link", "script", "iframe", "object", "form", "video", "svg"} & set(page.tags)
    assert "src=" not in html
    assert "url(" not in html
    assert "@import" not in html
    known = {conference.links().page, conference.links().unsubscribe, *conference.links().entries.values()}
    assert page.links - known == {"mailto:secretariat@conference.example"}
    assert all(table.get("role") == "presentation" for table in page.tables if table.get("class") != "rule")


@EVERY
def test_the_readers_own_hours_appear_only_where_they_differ(kind: str, recipient: Recipient) -> None:
    words = written(kind, recipient)
    marks = ("your time", "chez vous", "بتوقيتكم")
    differs = recipient.timezone in {"Asia/Amman", "Asia/Almaty", "America/Los_Angeles"}
    for part in (words.text, Page(words.html).text):
        assert any(mark in part for mark in marks) is differs


@pytest.mark.parametrize(
    ("recipient", "language", "direction"),
    [
        (conference.PRACTITIONER, "en", "ltr"),
        (conference.FOCAL_POINT, "fr", "ltr"),
        (conference.EXPERT, "ar", "rtl"),
    ],
)
@pytest.mark.parametrize("kind", ["invitation", "reminder"])
def test_the_letter_declares_its_language_and_direction(
    kind: str, recipient: Recipient, language: str, direction: str
) -> None:
    words = written(kind, recipient)
    assert words.language == language
    assert f'<html lang="{language}" dir="{direction}"' in words.html
    assert words.text.startswith("\u200f") is (direction == "rtl")


def test_the_agenda_sets_the_entire_day() -> None:
    words = written("agenda", conference.SPEAKER)
    page, links = Page(words.html), conference.links()
    for part in (flat(words.text), flat(page.text)):
        place = 0
        for session in conference.SESSIONS:
            place = part.index(session.title, place + 1)
            assert all(point in part for point in session.points)
        assert "agenda.ics" in part
        assert "17:00 " in part
    entries = {session.key for session in conference.SESSIONS if links.entries[session.key] in page.links}
    assert entries == {session.key for session in conference.SESSIONS if session.blocks}
    assert all(f"\n{links.entries[key]}\n" in words.text for key in entries)


def test_a_later_agenda_says_which_version_it_is() -> None:
    assert "version" not in written("agenda").text
    later = written("agenda", number=3)
    assert later.subject.startswith("Agenda (version 3): ")
    assert "It is version 3, published on 11 January 2027" in flat(later.text)


def test_the_invitation_speaks_to_each_role() -> None:
    def says(recipient: Recipient) -> str:
        return flat(written("invitation", recipient).text)

    assert "as its focal point, would confirm that it will take part" in says(conference.FAR_AWAY)
    assert "invite you by name" in says(conference.PRACTITIONER)
    assert "one of those who will speak" in says(conference.SPEAKER)
    expert = conference.EXPERT.model_copy(update={"language": "en"})
    assert "As an expert in its field" in says(expert)
    assert all("Accept, Tentative or Decline" in says(person) for person in (conference.SPEAKER, expert))


def test_the_attachment_is_named_only_where_there_is_one() -> None:
    mailings = [mailing.model_copy(update={"calendar": CalendarPart.NONE}) for mailing in conference.MAILINGS]
    event = conference.EVENT.model_copy(update={"mailings": tuple(mailings)})
    assert "agenda.ics" not in written("agenda", event=event).text
    assert "Accept" not in written("invitation", event=event).text


def test_the_session_reminder_word_for_word() -> None:
    words = written("session-reminder", conference.SPEAKER)
    assert words.subject == "11:30: Session II – Responding to the challenge: effective capacity building"
    assert words.text == (
        """\
Conference Secretariat
======================

Daniyar Abenov
Kazakhstan

Your session begins shortly

Session II – Responding to the challenge: effective capacity building
=====================================================================

Dear Daniyar Abenov,

The session begins at 11:30 in the room Großer Vortragssaal.

When           Wednesday, 10 March 2027, 11:30–12:45 in Vienna
               (15:30–16:45 your time)

Where          Großer Vortragssaal
               Federal Ministry of the Interior of the Republic of
               Austria
               Minoritenplatz 9
               1010 Vienna

Part of        Capacity Building for Criminal Justice Practitioners
               Combating Cybercrime

Convened by    Conference Secretariat
               secretariat@conference.example

Points for discussion
---------------------

– What are key elements of effective capacity building for criminal
  justice institutions combating cybercrime?
– What are most common challenges when implementing capacity-building
  programs and projects in this area?
– How to ensure long-term sustainability and local ownership of
  capacity-building assistance?

Add to my calendar:
https://convenor.example/r/AbCdEfGhIjKlMnOpQrStUvWxYz012345678901/session-2.ics

Conference Secretariat

------------------------------------------------------------------------
You receive this letter because you are on the list of those invited to
the conference named above.
The links in it are yours alone: please do not forward them.

Your personal page:
https://convenor.example/r/AbCdEfGhIjKlMnOpQrStUvWxYz012345678901

Unsubscribe:
https://convenor.example/u/AbCdEfGhIjKlMnOpQrStUvWxYz012345678901
"""
    )


HOSTILE = "<script>x</script>\"'><b {{7*7}} {x} &amp; javascript:"


@pytest.mark.parametrize("kind", list(MailingKind))
def test_hostile_values_change_no_tag_and_are_printed_as_they_are(kind: MailingKind) -> None:
    session: dict[str, Any] = {
        "title": HOSTILE,
        "chair": HOSTILE,
        "speakers": (HOSTILE,),
        "points": (HOSTILE,),
    }

    def dressed(text: str) -> Words:
        changed = {name: (text,) if isinstance(value, tuple) else text for name, value in session.items()}
        sessions = tuple(item.model_copy(update=changed) for item in conference.SESSIONS)
        place = dict.fromkeys(("name", "room", "street", "city"), text)
        event = conference.EVENT.model_copy(
            update={
                "title": text,
                "summary": text,
                "sessions": sessions,
                "venue": conference.VENUE.model_copy(update=place),
            }
        )
        person = dict.fromkeys(("given_name", "family_name", "title", "institution"), text)
        return written(kind, conference.PRACTITIONER.model_copy(update=person), event)

    hostile, harmless = dressed(HOSTILE), dressed("plain")
    assert Page(hostile.html).tags == Page(harmless.html).tags
    assert Page(hostile.html).links == Page(harmless.html).links
    assert HOSTILE in flat(Page(hostile.html).text)
    assert HOSTILE in flat(hostile.text)
    assert "49" not in hostile.subject


def test_five_hundred_sessions_still_make_a_letter() -> None:
    minute = timedelta(minutes=1)
    sessions = tuple(
        Session(
            key=f"s-{number}",
            title=f"Session {number} " + "x" * 250,
            starts_at=conference.STARTS_AT + number * minute,
            ends_at=conference.STARTS_AT + (number + 1) * minute,
            points=("A point",),
        )
        for number in range(500)
    )
    words = written("agenda", event=conference.EVENT.model_copy(update={"sessions": sessions}))
    assert "The sessions that follow are on your personal page." in flat(words.text)
    assert "Session 39 " in flat(words.text)
    assert "Session 40 " not in flat(words.text)
    assert len(words.html.encode()) < 90_000


def test_a_conference_of_two_days_names_both() -> None:
    last = conference.SESSIONS[-2].model_copy(
        update={
            "starts_at": conference.ENDS_AT + timedelta(days=1),
            "ends_at": conference.ENDS_AT + timedelta(days=1, hours=1),
        }
    )
    event = conference.EVENT.model_copy(update={"sessions": (*conference.SESSIONS[:-2], last)})
    days = "Wednesday, 10 March 2027 – Thursday, 11 March 2027"
    for kind in ("invitation", "agenda"):
        words = written(kind, event=event)
        assert days in flat(words.text)
        assert days in Page(words.html).text


CONFIRMED = {
    "en": (
        "you will attend,",
        "you may attend",
        "you cannot attend",
        "somebody else will attend",
        "the sessions as",
    ),
    "fr": ("vous participerez,", "peut-être", "ne pourrez pas", "une autre personne", "les séances que"),
    "ar": ("أنكم ستحضرون", "أنكم قد تحضرون", "يتعذّر", "شخصاً آخر", "الجلسات كما"),
}
ANSWERS = ("accepted", "tentative", "declined", "delegated", "")


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize(
    "recipient",
    [conference.PRACTITIONER, conference.FOCAL_POINT, conference.EXPERT],
    ids=lambda r: r.language,
)
def test_a_confirmation_says_the_answer_and_no_other(recipient: Recipient, answer: str) -> None:
    words = confirmed(recipient, {"event": answer} if answer else {})
    said = CONFIRMED[words.language][ANSWERS.index(answer)]
    for part in (flat(words.text), flat(Page(words.html).text)):
        assert [each for each in CONFIRMED[words.language] if each in part] == [said]


def confirmed(recipient: Recipient, answers: Mapping[str, str]) -> Words:
    """The confirmation of these answers."""
    values = context(
        version=conference.version(),
        mailing=conference.EVENT.mailing("confirmation"),
        anchor="event",
        recipient=recipient,
        links=conference.links(),
        language=recipient.language or "en",
        due_at=conference.PUBLISHED_AT,
        upkeep=Upkeep(
            cause=Cause.CHOICE,
            since=1,
            stamped_at=conference.PUBLISHED_AT,
            told=(),
            answers=tuple(answers.items()),
        ),
    )
    return wording.render(WORDING, MailingKind.CONFIRMATION, values)


def test_a_confirmation_lists_the_sessions_as_they_were_last_chosen() -> None:
    attends = confirmed(
        conference.PRACTITIONER, {"event": "accepted", "session-2": "declined", "session-1": "accepted"}
    )
    declines = confirmed(conference.PRACTITIONER, {"event": "declined"})
    titles = {
        key: flat(conference.EVENT.session(key).title) for key in ("session-1", "session-2", "session-4")
    }
    for part in (flat(attends.text), flat(Page(attends.html).text)):
        assert [key for key, title in titles.items() if title in part] == ["session-1", "session-4"]
    for part in (flat(declines.text), flat(Page(declines.html).text)):
        assert [title for title in titles.values() if title in part] == []
