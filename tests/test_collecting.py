"""The whole circle: an invitation leaves, a calendar answers, the answer stands in the ledger; and what else comes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailer.collecting import decide
from mailer.composition.composing import Composed
from mailer.errors import ConvenorError
from mailer.inbox.bounded import BoundedReader
from mailer.outbox import claims, incoming
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.letters import LetterRow
from mailer.outbox.people import AnswerGiven
from mailer.outbox.schema import Answer, Forward, IncomingState
from tests.conference import EVENT, FOCAL_POINT, ORGANISER, PRACTITIONER, PUBLISHED_AT, SPEAKER
from tests.inbox import mails
from tests.inbox.dialects import DIALECTS, Dialect, Said, google, thunderbird
from tests.inbox.letterbox import NOW, Letterbox, reading

S = IncomingState
ANA, CAMILLE, DANIYAR = PRACTITIONER.address, FOCAL_POINT.address, SPEAKER.address
YES = Said(partstat="ACCEPTED", at=NOW - timedelta(hours=1))
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def reader() -> Iterator[BoundedReader]:
    with reading() as opened:
        yield opened


@pytest.fixture
def box(database: Database, tmp_path: Path, reader: BoundedReader) -> Letterbox:
    return Letterbox(database=database, path=tmp_path / "mail", reader=reader)


@pytest.fixture
def asked(box: Letterbox) -> Letterbox:
    """All invitations have left."""
    box.send_invitations()
    return box


def given(answer: Answer, at: datetime = YES.at, *, comment: str = "", sequence: int = 0) -> AnswerGiven:
    return AnswerGiven(
        anchor="event", answer=answer, at=at, source="calendar", sequence=sequence, comment=comment
    )


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("partstat", ["ACCEPTED", "TENTATIVE", "DECLINED"])
def test_every_calendars_answer_stands_in_the_ledger(
    asked: Letterbox, dialect: Dialect, partstat: str
) -> None:
    came = asked.receive(
        dialect(asked.asked(ANA), replace(YES, partstat=partstat, comment="With, pleasure; thanks"))
    )

    assert (came.kind, came.state, came.outcome) == ("answer", S.SORTED, partstat.lower())
    assert came.said["reply"]["comment"] == "With, pleasure; thanks"
    assert asked.answers(ANA) == [given(Answer(partstat.lower()), comment="With, pleasure; thanks")]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.__name__)
def test_a_delegation_is_recorded_and_shown(asked: Letterbox, dialect: Dialect) -> None:
    said = replace(YES, partstat="DELEGATED", delegated_to="deputy@prosecution.example")
    came = asked.receive(dialect(asked.asked(ANA), said))

    assert (came.state, came.outcome) == (S.OPEN, "delegated to deputy@prosecution.example")
    assert asked.answers(ANA) == [given(Answer.DELEGATED)]


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.__name__)
def test_another_time_that_is_proposed_is_shown_and_changes_nothing(
    asked: Letterbox, dialect: Dialect
) -> None:
    came = asked.receive(dialect(asked.asked(ANA), replace(YES, method="COUNTER", partstat="TENTATIVE")))

    assert (came.kind, came.state, came.outcome) == ("answer", S.OPEN, "it proposes another time")
    assert asked.answers(ANA) == []


def test_an_address_is_the_same_in_whatever_case(asked: Letterbox) -> None:
    calendar = asked.asked(ANA)
    asked.receive(google(replace(calendar, attendee=calendar.attendee.upper()), YES))
    assert asked.answers(ANA) == [given(Answer.ACCEPTED)]


def test_somebody_else_who_answers_is_shown_until_a_person_decides(asked: Letterbox) -> None:
    came = asked.receive(google(replace(asked.asked(ANA), attendee="assistant@prosecution.example"), YES))
    assert (came.state, came.outcome) == (S.OPEN, "somebody answers for an entry that is another's")
    assert asked.answers(ANA) == []

    decided = decide(asked.database, EVENT.key, came.id, NOW, accept_as=ANA.upper())

    assert (decided.state, decided.outcome) == (S.DECIDED, f"accepted, taken for {ANA}")
    assert asked.answers(ANA) == [replace(given(Answer.ACCEPTED), source="organiser")]
    with pytest.raises(ConvenorError, match="waits for nobody"):
        decide(asked.database, EVENT.key, came.id, NOW)


def test_a_mail_that_is_dismissed_changes_nothing(asked: Letterbox) -> None:
    came = asked.receive(google(replace(asked.asked(ANA), attendee="assistant@prosecution.example"), YES))
    assert decide(asked.database, EVENT.key, came.id, NOW).state is S.DECIDED
    assert asked.answers(ANA) == []


def test_what_holds_no_answer_is_taken_for_nobody(asked: Letterbox) -> None:
    came = asked.receive(mails.calendar_mail("REQUEST", asked.asked(ANA).uid))
    with pytest.raises(ConvenorError, match="holds nothing that could be taken"):
        decide(asked.database, EVENT.key, came.id, NOW, accept_as=ANA)
    with pytest.raises(ConvenorError, match="is on no list"):
        decide(asked.database, EVENT.key, came.id, NOW, accept_as="nobody@prosecution.example")
    assert asked.came()[-1].state is S.OPEN


def test_an_entry_that_nobody_has_is_shown(asked: Letterbox) -> None:
    came = asked.receive(google(replace(asked.asked(ANA), uid="f" * 32 + "@conference.example"), YES))
    assert (came.state, came.outcome) == (S.OPEN, "it answers an entry that nobody here has")
    assert asked.answers(ANA) == []


def test_an_answer_to_an_earlier_version_is_kept_and_does_not_count(asked: Letterbox) -> None:
    calendar = asked.asked(ANA)
    with asked.database.writing() as c:
        mails.raise_sequence(c, calendar.uid, 3)

    old = asked.receive(google(replace(calendar, sequence=2), YES))
    assert (old.state, old.outcome) == (S.SORTED, "accepted: answered an earlier version")
    assert asked.answers(ANA) == [given(Answer.ACCEPTED, sequence=2)]
    assert asked.standing(ANA) == {}

    asked.receive(google(replace(calendar, sequence=3), replace(YES, at=NOW)))
    assert asked.answers(ANA) == [given(Answer.ACCEPTED, sequence=2), given(Answer.ACCEPTED, NOW, sequence=3)]
    assert asked.standing(ANA) == {"event": "accepted"}


def test_the_last_answer_wins_in_whatever_order_they_come(asked: Letterbox) -> None:
    calendar = asked.asked(ANA)
    asked.receive(google(calendar, replace(YES, partstat="DECLINED", at=NOW - HOUR)))
    asked.receive(google(calendar, replace(YES, partstat="ACCEPTED", at=NOW - 2 * HOUR)))

    assert [each.answer for each in asked.answers(ANA)] == [Answer.ACCEPTED, Answer.DECLINED]


def test_an_answer_that_comes_three_times_is_one(asked: Letterbox) -> None:
    raw = thunderbird(asked.asked(ANA), YES)
    asked.receive(raw)
    asked.receive(raw)
    asked.receive(b"X-Came-By: another way\r\n" + raw)

    assert len(asked.came()) == 2
    assert asked.answers(ANA) == [given(Answer.ACCEPTED)]


def test_without_a_stamp_an_answer_counts_from_when_it_came(asked: Letterbox) -> None:
    raw = mails.without(google(asked.asked(ANA), YES), b"DTSTAMP")
    asked.receive(raw, at=NOW - 2 * HOUR)
    assert asked.answers(ANA) == [given(Answer.ACCEPTED, NOW - 2 * HOUR)]


def test_a_clock_that_is_ahead_does_not_outlive_later_answers(asked: Letterbox) -> None:
    calendar = asked.asked(ANA)
    asked.receive(google(calendar, replace(YES, at=datetime(2099, 1, 1, tzinfo=UTC))), at=NOW - HOUR)
    asked.receive(google(calendar, replace(YES, partstat="DECLINED", at=NOW)))
    assert asked.answers(ANA) == [given(Answer.ACCEPTED, NOW - HOUR), given(Answer.DECLINED, NOW)]


@pytest.mark.parametrize("year", [1601, 1970])
def test_an_answer_by_a_clock_that_stopped_long_ago_counts_from_when_it_came(
    asked: Letterbox, year: int
) -> None:
    calendar = asked.asked(ANA)
    asked.receive(google(calendar, YES))
    asked.receive(
        google(calendar, replace(YES, partstat="DECLINED", at=datetime(year, 1, 1, tzinfo=UTC))), at=NOW
    )
    assert asked.answers(ANA)[-1] == given(Answer.DECLINED, NOW)
    assert asked.standing(ANA) == {"event": "declined"}


FORGED = {
    "two attendees": lambda asked: mails.calendar_mail("REPLY", asked.uid, ANA, CAMILLE),
    "two events": lambda asked: mails.calendar_mail("REPLY", asked.uid, ANA, events=2),
    "a request": lambda asked: mails.calendar_mail("REQUEST", asked.uid, ANA),
    "a cancellation": lambda asked: mails.calendar_mail("CANCEL", asked.uid, ANA),
    "another's entry": lambda asked: mails.calendar_mail("REPLY", asked.uid, CAMILLE),
    "no attendee": lambda asked: mails.calendar_mail("REPLY", asked.uid),
    "no method": lambda asked: mails.calendar_mail("", asked.uid, ANA),
    "one of a series": lambda asked: mails.calendar_mail(
        "REPLY", asked.uid, ANA, more="RECURRENCE-ID:20270310T074500Z"
    ),
    "no answer": lambda asked: mails.calendar_mail("REPLY", asked.uid, ANA, partstat="NEEDS-ACTION"),
    "parts that differ": lambda asked: mails.two_that_differ(asked.uid, ANA),
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_answer_is_shown_and_not_applied(asked: Letterbox, forged: str) -> None:
    """B35."""
    came = asked.receive(FORGED[forged](asked.asked(ANA)))

    assert came.state is S.OPEN
    assert came.outcome
    assert asked.answers(ANA) == asked.answers(CAMILLE) == []


# ── letters whose outcome is not known ───────────────────────────────────────────────────────────────────────


def test_an_answer_to_a_letter_in_doubt_ends_the_doubt_and_counts(box: Letterbox) -> None:
    box.send_invitations(Happening.LOST)
    box.receive(google(box.asked(ANA), YES))

    assert box.letter(ANA).state is LetterState.SENT
    assert box.letter(CAMILLE).state is LetterState.IN_DOUBT
    assert box.answers(ANA) == [given(Answer.ACCEPTED)]


@pytest.mark.parametrize("state", ["failed", "delivered", "delayed"])
def test_a_report_of_a_letter_in_doubt_shows_that_it_left(box: Letterbox, state: str) -> None:
    box.send_invitations(Happening.LOST)
    box.receive(mails.report(box.return_path(ANA), ANA, action=state))

    assert box.letter(ANA).state is LetterState.SENT
    assert box.letter(CAMILLE).state is LetterState.IN_DOUBT
    with box.database.reading() as c:
        assert incoming.holder(c, box.asked(ANA).uid)


def test_a_report_that_was_there_before_the_doubt_ends_it_too(box: Letterbox) -> None:
    """F44: the report comes before the outcome is known."""
    box.service.publish(EVENT, (PRACTITIONER,), PUBLISHED_AT)
    box.service.plan(PUBLISHED_AT)
    with box.database.writing() as c:
        (claimed,) = claims.claim(c, "one", PUBLISHED_AT, 1, HOUR)
        claims.happen(c, [mails.intended(claimed)], PUBLISHED_AT)
    came = box.receive(mails.report(box.return_path(ANA), ANA))
    assert (came.outcome, box.letter(ANA).state) == ("the address is wrong", LetterState.LEAVING)

    with box.database.writing() as c:
        claims.happen(c, [mails.lost(claimed)], NOW)
    assert box.collect().settled == 1
    assert box.letter(ANA).state is LetterState.SENT


def test_an_answer_waits_for_a_letter_that_is_still_leaving(box: Letterbox) -> None:
    box.service.publish(EVENT, (PRACTITIONER,), PUBLISHED_AT)
    box.service.plan(PUBLISHED_AT)
    with box.database.writing() as c:
        (claimed,) = claims.claim(c, "one", PUBLISHED_AT, 1, HOUR)
        claims.happen(c, [mails.intended(claimed)], PUBLISHED_AT)
    assert box.receive(google(box.asked(ANA), YES)).state is S.NEW

    composed = box.composed(ANA)
    with box.database.writing() as c:
        claims.happen(c, [mails.accepted(claimed, composed.entries)], NOW)
    box.collect()
    assert (box.came()[-1].state, box.answers(ANA)) == (S.SORTED, [given(Answer.ACCEPTED)])


# ── reports ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hard_bounce_flags_the_address_and_names_another_of_the_house(asked: Letterbox) -> None:
    came = asked.receive(mails.report(asked.return_path(ANA), ANA, words="550 5.1.1 no such user"))

    assert (came.kind, came.state, came.outcome) == ("bounce", S.SORTED, "the address is wrong")
    with asked.database.reading() as c:
        (found,) = incoming.troubled(c, EVENT.key)
    assert (found.address, found.hard_at, found.soft, found.status) == (ANA, NOW, 0, "5.1.1")
    assert found.words == "smtp; 550 5.1.1 no such user"


def test_soft_bounces_are_counted(asked: Letterbox) -> None:
    for number in range(3):
        asked.receive(
            mails.report(asked.return_path(ANA), ANA, action="delayed", status="4.2.2", words=str(number))
        )
    with asked.database.reading() as c:
        (found,) = incoming.troubled(c, EVENT.key)
    assert (found.hard_at, found.soft) == (None, 3)


def test_an_answer_after_a_hard_bounce_shows_that_the_address_is_right(asked: Letterbox) -> None:
    asked.receive(mails.report(asked.return_path(ANA), ANA), at=NOW - 2 * HOUR)
    asked.receive(google(asked.asked(ANA), YES))
    with asked.database.reading() as c:
        assert incoming.troubled(c, EVENT.key) == []


HOSTILE_REPORTS = {
    "no token": lambda box: mails.report("returns@conference.example", ANA),
    "a token that is made up": lambda box: mails.report("returns+1-aaaaaaaaaaaaaaaa@conference.example", ANA),
    "delivered": lambda box: mails.report(box.return_path(ANA), ANA, action="delivered", status="2.0.0"),
    "a thousand recipients": lambda box: mails.report(
        box.return_path(ANA), *(f"p{number}@prosecution.example" for number in range(1000))
    ),
    "nobody it is about": lambda box: mails.report(box.return_path(ANA)),
}


@pytest.mark.parametrize("hostile", HOSTILE_REPORTS)
def test_a_report_without_proof_suppresses_nobody(asked: Letterbox, hostile: str) -> None:
    """B38."""
    came = asked.receive(HOSTILE_REPORTS[hostile](asked))
    with asked.database.reading() as c:
        found = incoming.troubled(c, EVENT.key)
    assert [each.hard_at for each in found] in ([], [None]), came


def test_a_report_flags_only_the_reader_of_the_letter_it_is_about(asked: Letterbox) -> None:
    asked.receive(mails.report(asked.return_path(ANA), CAMILLE))
    with asked.database.reading() as c:
        assert [each.address for each in incoming.troubled(c, EVENT.key)] == [ANA]


@pytest.mark.parametrize("server", mails.SERVERS)
def test_reports_of_servers_that_know_no_standard_are_read(asked: Letterbox, server: str) -> None:
    """B38: qmail, Exim, Exchange; in other languages."""
    came = asked.receive(mails.SERVERS[server](asked.return_path(ANA), ANA))
    assert came.kind == "bounce", came
    with asked.database.reading() as c:
        (found,) = incoming.troubled(c, EVENT.key)
    assert (found.address, bool(found.hard_at)) == (ANA, "temporary" not in server)


# ── what machines send ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, (kind, _) in mails.MACHINES.items()])
def test_what_machines_send_changes_nothing_and_is_not_answered(
    asked: Letterbox, name: str, kind: str
) -> None:
    """B37."""
    asked.questions_to = "help@conference.example"
    came = asked.receive(mails.MACHINES[name][1](ANA, asked.return_path(ANA)))

    assert (came.kind, came.state, came.forward) == (kind, S.SORTED, Forward.NOT)
    assert asked.answers(ANA) == []
    with asked.database.reading() as c:
        assert incoming.troubled(c, EVENT.key) == []


# ── what people write ────────────────────────────────────────────────────────────────────────────────────────


def test_a_wish_to_stop_with_our_sign_unsubscribes(asked: Letterbox) -> None:
    came = asked.receive(mails.written(ANA, asked.return_path(ANA), "Unsubscribe", "please"))
    assert (came.kind, came.state, came.outcome) == ("unsubscribe", S.SORTED, "unsubscribed")
    assert asked.service.plan(NOW)
    with asked.database.reading() as c:
        assert mails.unsubscribed(c, ANA)


def test_a_wish_to_stop_without_our_sign_waits_for_a_person(asked: Letterbox) -> None:
    came = asked.receive(mails.written(ANA, ORGANISER.address, "Re: Invitation", "STOP\n\nAna Novak"))
    assert (came.kind, came.state) == ("unsubscribe", S.OPEN)
    with asked.database.reading() as c:
        assert not mails.unsubscribed(c, ANA)

    decide(asked.database, EVENT.key, came.id, NOW, accept_as=ANA)
    with asked.database.reading() as c:
        assert mails.unsubscribed(c, ANA)


def test_a_question_waits_to_be_forwarded_where_somebody_is_named(asked: Letterbox) -> None:
    raw = mails.written(ANA, ORGANISER.address, "My visa", "Could you send a letter for my visa?")
    assert asked.receive(raw).forward is Forward.NOT
    asked.questions_to = "help@conference.example"
    came = asked.receive(b"X-Again: 1\r\n" + raw)
    assert (came.kind, came.state, came.forward) == ("question", S.SORTED, Forward.WAITING)


def test_what_we_wrote_ourselves_is_no_question(asked: Letterbox) -> None:
    asked.questions_to = "help@conference.example"
    came = asked.receive(mails.written(ORGANISER.address, ANA, "Your visa", "Here is the letter."))
    assert (came.outcome, came.forward) == ("we wrote it ourselves", Forward.NOT)


# ── whatever else may happen ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("poison", mails.POISONS)
def test_a_poisonous_mail_is_laid_aside_and_the_rest_goes_on(asked: Letterbox, poison: str) -> None:
    """B40."""
    asked.deliver(mails.POISONS[poison]())
    asked.deliver(google(asked.asked(ANA), YES))
    asked.collect()

    bad, good = asked.came()
    assert bad.state in {S.QUARANTINED, S.OPEN, S.SORTED}
    assert good.state is S.SORTED
    assert asked.answers(ANA) == [given(Answer.ACCEPTED)]


def test_a_mail_that_cannot_be_dealt_with_is_laid_aside_and_the_next_is_not(
    asked: Letterbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.deliver(mails.report(asked.return_path(CAMILLE), CAMILLE))
    asked.deliver(google(asked.asked(ANA), YES))

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a mistake of ours")

    with monkeypatch.context() as patch:
        patch.setattr("mailer.outbox.incoming.note_trouble", fail)
        asked.collect()
    bad, good = asked.came()
    assert (bad.state, bad.outcome) == (S.QUARANTINED, "it cannot be dealt with (RuntimeError)")
    assert (good.state, asked.answers(ANA)) == (S.SORTED, [given(Answer.ACCEPTED)])


def test_made_up_answers_cost_the_composing_of_a_letter_once(box: Letterbox) -> None:
    box.send_invitations(Happening.LOST)
    for number in range(20):
        box.deliver(google(replace(box.asked(ANA), uid=f"{number:032x}@conference.example"), YES))
    composed: list[int] = []

    def compose(row: LetterRow) -> Composed:
        composed.append(row.id)
        return box.service.compose(row)

    replace(box.collector, compose=compose).collect(box.now)
    assert [each.state for each in box.came()] == [S.OPEN] * 20
    assert len(composed) == len(set(composed)) == 5


def test_a_mail_too_large_is_kept_by_its_beginning_and_shown(asked: Letterbox) -> None:
    came = asked.receive(b"From: a@b.example\r\n\r\n" + b"x" * 20_000_000)
    assert (came.state, came.size) == (S.QUARANTINED, 20_000_021)
    assert came.outcome == "it is too large to be read, 19 MB; look at it in the mailbox"


def test_what_was_there_before_the_agenda_was_published_is_left_alone(asked: Letterbox) -> None:
    asked.deliver(mails.written(ANA, ORGANISER.address, "Old", "Old"), at=PUBLISHED_AT - timedelta(days=1))
    assert asked.collect().new == 0


def test_a_crash_between_any_two_steps_loses_and_doubles_nothing(
    asked: Letterbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F41: what was kept is looked into after the restart, and what was begun is done as a whole."""
    asked.deliver(google(asked.asked(ANA), YES))
    asked.deliver(mails.report(asked.return_path(CAMILLE), CAMILLE))

    class Crashed(BaseException):
        pass

    def crash(*_: object, **__: object) -> None:
        raise Crashed

    for place in (
        "mailer.inbox.bounded.BoundedReader.read",
        "mailer.outbox.incoming.end",
        "mailer.outbox.people.record_answer",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(place, crash)
            with pytest.raises(Crashed):
                asked.collect()
        assert [each.state for each in asked.came()] == [S.NEW, S.NEW]
        assert asked.answers(ANA) == []
    asked.collect()
    assert [each.state for each in asked.came()] == [S.SORTED, S.SORTED]
    assert asked.answers(ANA) == [given(Answer.ACCEPTED)]
