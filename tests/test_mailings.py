"""Mailings as the draft has them, whom they reach, in which languages they are written."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import pytest

from mailer.agenda import rewriting
from mailer.agenda.model import UNASKED, CalendarPart, Event, MailingKind
from mailer.composition import wording
from mailer.composition.composing import Composed
from mailer.composition.wording import PARTS, Wording
from mailer.delivery.envelope import Parcel
from mailer.delivery.outcome import Outcome
from mailer.drafting import Draft
from mailer.errors import BadInput, ConvenorError
from mailer.mailings import (
    MOST_TESTS,
    Mailings,
    Overtaken,
    TooManyTests,
    as_drafted,
    drafted,
    every_drafted,
    letter,
    letter_to_try,
    needed,
)
from mailer.outbox import agendas, audit, people
from mailer.outbox.letter import Happening
from mailer.planning import due
from tests.conference import EXPERT, FOCAL_POINT, PUBLISHED_AT, RECIPIENTS, version
from tests.web.agendas import CONFERENCE
from tests.web.desk import Desk, open_desk

REPORT = CONFERENCE.mailing("report")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path) as desk:
        desk.publish(CONFERENCE)
        yield desk


def _draft(event: Event = CONFERENCE) -> Draft:
    return Draft(version=version(CONFERENCE), event=event)


def _mailings(desk: Desk, by: str = "Maria") -> Mailings:
    office = desk.office
    return Mailings(
        database=office.database, event=office.event, sender=office.sender, now=desk.clock(), by=by
    )


def _translated(texts: Wording, language: str = "fr") -> dict[str, str]:
    """The words of the report in another language, all but translated."""
    parts = {part: texts.texts[f"report/en.{part}"] for part in PARTS}
    return {**parts, "subject.txt": f"({language}) {parts['subject.txt']}"}


# ── the draft ────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_draft_leaves_alone_is_looked_at_in_the_agenda_in_force() -> None:
    shown = drafted(_draft(rewriting.taken_out(CONFERENCE, "agenda")), "report", PUBLISHED_AT)

    assert (shown.mailing, shown.version, shown.is_as_published) == (REPORT, version(CONFERENCE), True)


def test_what_it_changes_is_looked_at_as_it_would_be_published() -> None:
    event = rewriting.rewritten(CONFERENCE, "report", {"title": "It is out"})
    shown = drafted(_draft(event), "report", PUBLISHED_AT)

    assert (shown.mailing.title, shown.published, shown.is_changed) == ("It is out", REPORT, True)
    assert (shown.version.number, shown.version.event) == (2, event)


def test_what_is_new_has_nothing_in_force_and_what_is_gone_is_still_shown() -> None:
    event = rewriting.added(
        rewriting.taken_out(CONFERENCE, "report"), "more", REPORT.model_dump(exclude={"key"})
    )
    new, gone = (drafted(_draft(event), key, PUBLISHED_AT) for key in ("more", "report"))

    assert (new.is_new, new.is_changed, new.is_as_published) == (True, False, False)
    assert (gone.is_out, gone.is_changed, gone.mailing) == (True, False, REPORT)
    with pytest.raises(KeyError):
        drafted(_draft(event), "nothing", PUBLISHED_AT)
    keys = [each.mailing.key for each in every_drafted(_draft(event), PUBLISHED_AT)]
    assert keys == [*(each.key for each in event.mailings), "report", *UNASKED]


def test_a_draft_of_nothing_is_what_is_in_force() -> None:
    assert as_drafted(_draft(), PUBLISHED_AT) == version(CONFERENCE)


# ── whom ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_audience_is_counted_for_the_agenda_that_is_shown(desk: Desk) -> None:
    this = _mailings(desk)
    reminder = CONFERENCE.mailing("session-reminder")
    sessions = tuple(each for each in CONFERENCE.sessions if each.key not in {"session-1", "session-3"})
    shorter = version(CONFERENCE.model_copy(update={"sessions": sessions}))

    assert this.reach(version(CONFERENCE), reminder).value.people == 3
    assert this.reach(shorter, reminder).value.people == 1
    fewer = this.reach(shorter, reminder).value
    assert [each.recipient.address for each in this.audience(fewer)[0]] == [
        each.address for each in RECIPIENTS if "session-2" in each.sessions
    ]


@pytest.mark.parametrize(
    ("audience", "kind", "reached"),
    [
        ("everyone", "practical", {"one", "all", "none"}),
        ("chose this session", "practical", {"one"}),
        ("not chose this session", "practical", {"one", "all", "none"}),
        ("chose this session or answer = declined", "practical", {"one"}),
        ("everyone", "session-reminder", {"one", "none"}),
        ("not chose this session", "session-reminder", {"one", "none"}),
    ],
)
def test_of_hundreds_of_sessions_those_count_that_somebody_has_chosen_and_one_that_they_have_not(
    desk: Desk, audience: str, kind: str, reached: set[str]
) -> None:
    """What `due` would judge session by session. `all` have chosen each, and declined each since."""
    event = rewriting.rewritten(CONFERENCE, "session-reminder", {"audience": audience, "kind": kind})
    keys = list(due.anchors(event, event.mailing("session-reminder").rule))
    by_name = {
        name: EXPERT.model_copy(update={"address": f"{name}@uni.example", "sessions": tuple(chosen)})
        for name, chosen in {"one": keys[:1], "all": keys, "none": []}.items()
    }
    service = desk.service
    service.publish(event, list(by_name.values()), desk.clock())
    with desk.database.writing() as transaction:
        (eager,) = [m.id for m in people.roster(transaction, event.key) if m.recipient == by_name["all"]]
        for key in keys:
            people.record_answer(transaction, eager, key, "declined", desk.clock(), "page", sequence=0)
        members = people.roster(transaction, event.key)
        in_force = agendas.latest(transaction, event.key)
    assert in_force

    mailing = event.mailing("session-reminder")
    found = _mailings(desk).reach(in_force, mailing).value
    judged = {
        member.id
        for member in members
        for each in due.occasions(in_force, {None})
        if each.mailing == mailing.key and due.Judge(in_force, each).is_for(member)
    }

    assert set(found.ids) == judged
    assert {m.recipient.address.partition("@")[0] for m in members if m.id in judged} == reached


def test_a_letter_that_is_shown_again_is_the_same_and_another_is_not(desk: Desk) -> None:
    """It is composed once, and anew for whatever it is made of."""
    this, texts, in_force = _mailings(desk), desk.service.wording(), version(CONFERENCE)
    invitation = CONFERENCE.mailing("invitation")

    def shown(**other: Any) -> Composed:
        made_of = {"version": in_force, "mailing": invitation, "reader": EXPERT, "texts": texts, **other}
        return this.letter(**made_of)

    first = shown()
    assert shown() is first
    assert (
        first.raw
        == letter(in_force, invitation, EXPERT, texts, this.sender, this.now, handle=_handle(desk)).raw
    )
    moved = CONFERENCE.model_copy(update={"title": "Another title"})
    parts = {"invitation/ar.subject.txt": "Something else\n"}
    for other in (
        {"version": version(moved)},
        {"mailing": invitation.model_copy(update={"calendar": CalendarPart.NONE})},
        {"reader": FOCAL_POINT},
        {"reader": EXPERT.model_copy(update={"title": "Prof."})},
        {"texts": texts.with_texts(parts)},
        {"language": "fr"},
    ):
        assert shown(**other).raw != first.raw


def _handle(desk: Desk) -> str:
    with desk.database.reading() as transaction:
        links = people.links_of(transaction, CONFERENCE.key, EXPERT.address)
    assert links
    return links[0]


def test_keys_of_mailings_that_were_ever_sent_are_remembered(desk: Desk) -> None:
    assert _mailings(desk).keys_ever() == frozenset()
    desk.work()
    desk.publish(rewriting.taken_out(CONFERENCE, "invitation"))
    assert _mailings(desk).keys_ever() == {"invitation"}


# ── languages ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_language_is_added_and_its_readers_get_it(desk: Desk) -> None:
    this, texts = _mailings(desk), desk.service.wording()
    assert this.letter(version(CONFERENCE), REPORT, FOCAL_POINT, texts).language == "en"

    assert this.reword(REPORT, "fr", _translated(texts), texts.digest)
    letter = this.letter(version(CONFERENCE), REPORT, FOCAL_POINT, this.texts())
    assert (letter.language, letter.subject.startswith("(fr) ")) == ("fr", True)
    with desk.database.reading() as transaction:
        (deed, *_) = audit.deeds(transaction)
    assert (deed.who, deed.did, deed.what) == ("Maria", "added the wording of", "report in fr")


def test_a_language_nobody_has_written_in_needs_its_phrases(desk: Desk) -> None:
    this, texts = _mailings(desk), desk.service.wording()
    with pytest.raises(BadInput, match=r"layout/de\.phrases"):
        this.reword(REPORT, "de", _translated(texts, "de"), texts.digest)
    assert this.texts() == texts

    phrases = texts.texts[wording.phrases_of("en")]
    assert this.reword(REPORT, "de", _translated(texts, "de"), texts.digest, phrases=phrases)
    reader = FOCAL_POINT.model_copy(update={"language": "de"})
    assert this.letter(version(CONFERENCE), REPORT, reader, this.texts()).language == "de"


def test_phrases_that_would_break_another_kind_of_letter_are_refused(desk: Desk) -> None:
    this, texts = _mailings(desk), desk.service.wording()
    fewer = "\n".join(
        line for line in texts.texts[wording.phrases_of("fr")].splitlines() if "as_a_whole" not in line
    )

    with pytest.raises(BadInput):
        this.reword(REPORT, "fr", _translated(texts), texts.digest, phrases=fewer)
    assert this.texts() == texts


def test_the_second_who_begins_a_language_is_told(desk: Desk) -> None:
    this, texts = _mailings(desk), desk.service.wording()
    this.reword(REPORT, "fr", _translated(texts), texts.digest)

    with pytest.raises(Overtaken):
        _mailings(desk, "Jan").reword(REPORT, "fr", _translated(texts, "mine"), texts.digest)


def test_a_language_is_taken_out_and_its_readers_get_the_events(desk: Desk) -> None:
    this, texts = _mailings(desk), desk.service.wording()
    invitation = CONFERENCE.mailing("invitation")
    this.take_out_language(CONFERENCE, invitation, "ar", texts.digest)

    assert wording.languages_of(this.texts(), MailingKind.INVITATION) == ("en", "fr")
    assert wording.languages_of(this.texts(), MailingKind.UPDATE) == ("ar", "en", "fr")
    assert wording.check(this.texts()) == []
    assert this.letter(version(CONFERENCE), invitation, EXPERT, this.texts()).language == "en"
    desk.work()
    assert desk.tray.count() == len(RECIPIENTS)
    with desk.database.reading() as transaction:
        (deed, *_) = audit.deeds(transaction)
    assert (deed.did, deed.what) == ("took out the wording of", "invitation in ar")


def test_what_letters_cannot_do_without_stays(desk: Desk) -> None:
    this, texts = _mailings(desk), desk.service.wording()
    invitation, french = CONFERENCE.mailing("invitation"), CONFERENCE.model_copy(update={"language": "fr"})

    assert needed(french, ["en", "fr"], "fr") == "it is the event's own"
    assert "no other" in needed(french, ["en", "fr"], "en")
    assert needed(CONFERENCE, ["ar"], "ar") == "it is the only one"
    for event, language in ((CONFERENCE, "en"), (french, "fr"), (french, "en"), (CONFERENCE, "de")):
        with pytest.raises(ConvenorError):
            this.take_out_language(event, invitation, language, texts.digest)
    assert this.texts() == texts


def test_nobody_takes_out_what_somebody_else_has_just_reworded(desk: Desk) -> None:
    this, texts = _mailings(desk), desk.service.wording()
    invitation = CONFERENCE.mailing("invitation")
    parts = {part: texts.texts[f"invitation/ar.{part}"] for part in PARTS}
    this.reword(invitation, "ar", {**parts, "subject.txt": "دعوة"}, texts.digest)

    with pytest.raises(Overtaken):
        _mailings(desk, "Jan").take_out_language(CONFERENCE, invitation, "ar", texts.digest)


def test_whoever_answers_or_leaves_is_counted_anew(desk: Desk) -> None:
    """A reminder is not for whoever declined, even where its audience has them; nothing is for whoever left."""
    this, invitation = _mailings(desk), CONFERENCE.mailing("invitation")
    reminder = CONFERENCE.mailing("reminder").model_copy(update={"audience": "everyone"})
    with desk.database.reading() as transaction:
        first, second = [each.id for each in people.roster(transaction, CONFERENCE.key)][:2]

    def counted() -> tuple[int, int]:
        found = (this.reach(version(CONFERENCE), each).value.people for each in (invitation, reminder))
        return next(found), next(found)

    assert counted() == (len(RECIPIENTS), len(RECIPIENTS))
    desk.clock.move(minutes=1)
    with desk.database.writing() as transaction:
        people.record_answer(transaction, first, "event", "declined", desk.clock(), "page", sequence=0)
    assert counted() == (len(RECIPIENTS), len(RECIPIENTS) - 1)
    with desk.database.writing() as transaction:
        people.unsubscribe(transaction, second, desk.clock())
    assert counted() == (len(RECIPIENTS) - 1, len(RECIPIENTS) - 2)


# ── trying ───────────────────────────────────────────────────────────────────────────────────────────────────


def _try(desk: Desk, this: Mailings, sent: list[str]) -> None:
    def post(parcel: Parcel) -> tuple[Outcome, str]:
        sent.append(parcel.recipient)
        return Outcome(happening=Happening.ACCEPTED, reply="250 ok"), "the tray"

    this.send_test(version(CONFERENCE), CONFERENCE.mailings[0], "me@ministry.example", post)


def test_one_account_sends_so_many_tests_within_an_hour_and_no_more(desk: Desk) -> None:
    this, sent = _mailings(desk), list[str]()
    for minute in range(MOST_TESTS):
        _try(desk, replace(this, now=this.now + timedelta(minutes=minute)), sent)
    late = replace(this, now=this.now + timedelta(minutes=59, seconds=30))
    with pytest.raises(TooManyTests, match=r"the next in 1 minute$") as refused:
        _try(desk, late, sent)

    assert refused.value.after == timedelta(seconds=30)
    assert len(sent) == MOST_TESTS
    with desk.database.reading() as transaction:
        last = audit.deeds(transaction, limit=1)[0]
        assert audit.broken_at(transaction) is None
    assert (last.who, last.did) == ("Maria", "was refused")
    assert last.what == "send a test letter: invitation to me@ministry.example, after 20 within an hour"

    _try(desk, replace(late, by="Jan"), sent)  # somebody else may
    _try(desk, replace(this, now=this.now + timedelta(hours=1)), sent)  # the first is forgotten
    with pytest.raises(TooManyTests):
        _try(desk, replace(this, now=this.now + timedelta(hours=1, seconds=59)), sent)
    assert len(sent) == MOST_TESTS + 2


def test_a_test_that_cannot_be_sent_is_not_counted_and_one_in_vain_is(desk: Desk) -> None:
    this = _mailings(desk)

    def refuse(_parcel: Parcel) -> tuple[Outcome, str]:
        return Outcome(happening=Happening.REFUSED, reply="550 no"), "mail.example"

    for _ in range(MOST_TESTS + 1):
        with pytest.raises(ConvenorError):
            this.send_test(version(CONFERENCE), CONFERENCE.mailings[0], "a@x.example, b@y.example", refuse)
    for _ in range(MOST_TESTS):
        this.send_test(version(CONFERENCE), CONFERENCE.mailings[0], "me@ministry.example", refuse)
    with pytest.raises(TooManyTests):
        this.send_test(version(CONFERENCE), CONFERENCE.mailings[0], "me@ministry.example", refuse)


def test_who_asks_twice_at_once_is_counted_twice(desk: Desk) -> None:
    """The row is there before the letter leaves."""
    this, sent = _mailings(desk), list[str]()
    for _ in range(MOST_TESTS - 1):
        _try(desk, this, sent)

    def meanwhile(_parcel: Parcel) -> tuple[Outcome, str]:
        with pytest.raises(TooManyTests):
            _try(desk, this, sent)
        return Outcome(happening=Happening.ACCEPTED, reply="250 ok"), "the tray"

    this.send_test(version(CONFERENCE), CONFERENCE.mailings[0], "me@ministry.example", meanwhile)
    assert len(sent) == MOST_TESTS - 1


@pytest.mark.parametrize("language", ["ar", "en", "fr"])
def test_a_test_letter_says_that_it_is_one(desk: Desk, language: str) -> None:
    this = _mailings(desk)
    mailing = CONFERENCE.mailings[0]
    parcel = letter_to_try(
        version(CONFERENCE), mailing, "me@ministry.example", this.texts(), this.sender, this.now, language=language
    )  # fmt: skip

    (subject,) = [str(make_header(decode_header(message_from_bytes(parcel.content)["Subject"])))]
    assert subject.startswith("[Test] ")
