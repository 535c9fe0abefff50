"""The whole way of a letter, on both databases, over real SMTP into a real tray; only the clock is ours."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from threading import Thread

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

from mailer.agenda.attaching import HandedIn, attach, contents_of
from mailer.agenda.model import Approval, Event, Session
from mailer.composition import wording
from mailer.composition.composing import Sender
from mailer.composition.links import Signer
from mailer.delivery.relay import Relay
from mailer.delivery.tray import Tray, TrayServer
from mailer.dispatch.desk import LEASE_FOR
from mailer.errors import StoreError
from mailer.outbox import agendas, claims, ledger, letters, occasions, people
from mailer.outbox.claimed import Change
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.schema import letter as letter_table
from mailer.planning import due
from mailer.planning.due import Occasion
from mailer.recipients.model import Recipient
from mailer.releasing import Releasing
from mailer.service import Service
from mailer.settings import ROOT
from mailer.witnesses import THE_TRAY, TrayWitness
from tests.acceptance.conftest import free_port
from tests.conference import (
    EVENT,
    FOCAL_POINT,
    PRACTITIONER,
    PUBLISHED_AT,
    RECIPIENTS,
    SPEAKER,
    STARTS_AT,
)

S = LetterState
TEXTS = wording.load(ROOT / "templates")
SENDER = Sender(signer=Signer(b"k" * 32), base_url="https://conference.example")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass
class Stage:
    """One service, its tray, and the hands of the clock."""

    database: Database
    tray: Tray
    relay: Relay
    now: datetime = PUBLISHED_AT
    service: Service = field(init=False)

    def __post_init__(self) -> None:
        self.service = self.another_service()

    def another_service(self) -> Service:
        return Service(
            database=self.database,
            event=EVENT.key,
            sender=SENDER,
            texts=TEXTS,
            witnesses=(TrayWitness(holds=self.tray.holds),),
        )

    def publish(self, event: Event = EVENT, recipients: tuple[Recipient, ...] = RECIPIENTS) -> None:
        self.service.publish(event, recipients, self.now)

    def beat(self, at: datetime | None = None) -> None:
        """What the heartbeat does at one moment."""
        self.now = at or self.now
        self.service.recover(self.now)
        self.service.settle(self.now)
        self.service.plan(self.now)
        self.service.deliver(self.relay, lambda: self.now)

    def play_until(self, end: datetime) -> None:
        """Beat at every due time until `end`, and then."""
        while (due_at := self.service.plan(self.now)) and due_at <= end:
            self.beat()
            self.now = due_at
        self.beat()
        self.beat(end)

    def caught(self) -> Counter[str]:
        """How many letters each reader has."""
        return Counter(letter.recipient for letter, _ in self.tray.everything())

    def timetable(self) -> list[Occasion]:
        with self.database.reading() as transaction:
            version = agendas.latest(transaction, EVENT.key)
            assert version
            return due.occasions(version, people.zones(transaction, EVENT.key))

    def states(self, mailing: str) -> Counter[S]:
        with self.database.reading() as transaction:
            rows = letters.search(transaction, EVENT.key, mailing=mailing, limit=1000)
        return Counter(row.state for row in rows)


@pytest.fixture
def stage(database: Database, tmp_path: Path) -> Iterator[Stage]:
    tray = Tray(tmp_path / "tray.db")
    server = TrayServer(tray, clock=lambda: PUBLISHED_AT)
    yield Stage(database=database, tray=tray, relay=server.start())
    server.stop()


def moved(session_key: str, by: timedelta, event: Event = EVENT) -> Event:
    def move(session: Session) -> Session:
        return session.model_copy(
            update={"starts_at": session.starts_at + by, "ends_at": session.ends_at + by}
        )

    sessions = tuple(move(s) if s.key == session_key else s for s in event.sessions)
    return event.model_copy(update={"sessions": sessions})


def test_everybody_is_invited_once_and_the_ledger_knows_what_they_hold(stage: Stage) -> None:
    stage.publish()
    stage.beat()
    stage.beat(PUBLISHED_AT + MINUTE)
    stage.beat(PUBLISHED_AT + HOUR)

    assert stage.caught() == {recipient.address: 1 for recipient in RECIPIENTS}
    with stage.database.reading() as transaction:
        entries = ledger.ledger(transaction, EVENT.key)
    assert [(e.anchor, e.sequence_sent, e.version_sent) for e in entries] == [("event", 0, 1)] * len(
        RECIPIENTS
    )
    assert len({entry.uid for entry in entries}) == len(RECIPIENTS)


def test_the_whole_timetable_plays_and_every_letter_is_accounted_for(stage: Stage) -> None:
    stage.publish()
    stage.play_until(STARTS_AT + 200 * DAY)

    with stage.database.reading() as transaction:
        rows = letters.search(transaction, EVENT.key, limit=10_000)
    assert {row.state for row in rows} == {S.SENT}
    assert len(rows) == stage.tray.count()
    assert {row.mailing for row in rows} == {mailing.key for mailing in EVENT.mailings}


def test_a_late_joiner_gets_what_is_still_useful_and_no_reminder_whose_moment_has_passed(
    stage: Stage,
) -> None:
    stage.publish(recipients=(FOCAL_POINT,))
    stage.play_until(STARTS_AT - 5 * MINUTE)
    before = stage.tray.count()

    stage.publish(recipients=(FOCAL_POINT, PRACTITIONER))
    stage.play_until(STARTS_AT - MINUTE)

    theirs = [letter for letter, _ in stage.tray.everything() if letter.recipient == PRACTITIONER.address]
    with stage.database.reading() as transaction:
        mailings = [
            row.mailing for row in letters.search(transaction, EVENT.key, address=PRACTITIONER.address)
        ]
    assert stage.tray.count() == before + len(theirs)
    assert "invitation" in mailings
    assert "reminder" not in mailings


def test_what_was_due_while_the_service_was_down_is_sent_if_useful_and_missed_if_not(stage: Stage) -> None:
    stage.publish(recipients=(SPEAKER,))
    stage.beat()
    reminded = [s for s in EVENT.sessions if s.key in SPEAKER.sessions]
    assert reminded

    stage.beat(EVENT.ends_at + HOUR)

    assert set(stage.states("session-reminder")) == {S.MISSED}
    assert set(stage.states("practical")) == {S.MISSED}


def test_a_session_reminder_follows_a_session_that_moves_back_and_forth(stage: Stage) -> None:
    session = EVENT.session(SPEAKER.sessions[0])
    stage.publish(recipients=(SPEAKER,))
    stage.play_until(session.starts_at - HOUR)
    stage.publish(moved(session.key, 30 * MINUTE), (SPEAKER,))
    stage.beat(session.starts_at - 50 * MINUTE)
    stage.publish(EVENT, (SPEAKER,))
    stage.play_until(session.starts_at)

    with stage.database.reading() as transaction:
        rows = letters.search(transaction, EVENT.key, mailing="session-reminder")
    sent = [row.due_at for row in rows if row.state is S.SENT and row.anchor == session.key]
    assert sent == [session.starts_at - 15 * MINUTE]


def test_who_was_reminded_of_the_old_hour_is_reminded_of_the_new_one(stage: Stage) -> None:
    session = EVENT.session(SPEAKER.sessions[0])
    stage.publish(recipients=(SPEAKER,))
    stage.play_until(session.starts_at - 10 * MINUTE)
    stage.publish(moved(session.key, HOUR), (SPEAKER,))
    stage.play_until(session.starts_at + HOUR)

    with stage.database.reading() as transaction:
        rows = letters.search(transaction, EVENT.key, mailing="session-reminder")
    mine = [row.due_at for row in rows if row.anchor == session.key and row.state is S.SENT]
    assert mine == [session.starts_at - 15 * MINUTE, session.starts_at + 45 * MINUTE]


def test_who_unsubscribes_gets_nothing_more_and_is_counted(stage: Stage) -> None:
    stage.publish(recipients=(FOCAL_POINT, PRACTITIONER))
    stage.beat()
    with stage.database.writing() as transaction:
        (one, _) = people.roster(transaction, EVENT.key)
        people.unsubscribe(transaction, one.id, stage.now)
    stage.play_until(STARTS_AT - HOUR)

    assert stage.states("practical") == {S.SENT: 1, S.SUPPRESSED: 1}


def test_two_services_at_once_send_everything_once(stage: Stage) -> None:
    crowd = tuple(
        PRACTITIONER.model_copy(update={"address": f"reader{n}@institute.example"}) for n in range(60)
    )
    stage.publish(recipients=crowd)
    services = [stage.another_service() for _ in range(3)]

    def work(service: Service) -> None:
        service.plan(stage.now)
        service.deliver(stage.relay, lambda: stage.now)

    threads = [Thread(target=work, args=(service,)) for service in services]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert stage.caught() == {recipient.address: 1 for recipient in crowd}
    assert stage.states("invitation") == {S.SENT: 60}


def test_a_relay_that_cannot_be_reached_charges_no_letter(stage: Stage) -> None:
    stage.publish()
    stage.service.plan(stage.now)
    nowhere = Relay(host="127.0.0.1", port=9)

    done = stage.service.deliver(nowhere, lambda: stage.now)

    assert "127.0.0.1:9" in done.unreachable
    assert stage.states("invitation") == {S.WAITING: len(RECIPIENTS)}
    stage.beat()
    assert stage.states("invitation") == {S.SENT: len(RECIPIENTS)}


def test_a_letter_put_off_is_tried_again_later_and_given_up_after_five_days(stage: Stage) -> None:
    """The report is useful for thirty days; its relay greylists for ever."""
    with Greylisting() as relay:
        stage.publish(recipients=(PRACTITIONER,))
        report_due_at = EVENT.ends_at + timedelta(hours=17)
        stage.now = report_due_at
        for hours in range(0, 24 * 6, 4):
            stage.now = report_due_at + hours * HOUR
            stage.service.plan(stage.now)
            stage.service.deliver(relay, lambda: stage.now)
            if hours == 24 * 4:
                assert stage.states("report") == {S.DEFERRED: 1}

    assert stage.states("report") == {S.FAILED: 1}
    with stage.database.reading() as transaction:
        (row,) = letters.search(transaction, EVENT.key, mailing="report")
    assert row.reply.startswith("given up: 451 4.7.1")
    assert 5 < row.attempts < 40


@dataclass
class Greylisting:
    """A mail server that always says: later; or one that wants a password first."""

    refuse_sender: bool = False

    def __enter__(self) -> Relay:
        self._controller = Controller(self, hostname="127.0.0.1", port=free_port())
        self._controller.start()
        return Relay(host="127.0.0.1", port=self._controller.port)

    def __exit__(self, *_: object) -> None:
        self._controller.stop(no_assert=True)

    async def handle_MAIL(self, server: SMTP, *_: object) -> str:  # noqa: N802
        if self.refuse_sender:
            return "530 5.7.0 Authentication required"
        envelope, address = _[1], _[2]
        envelope.mail_from = address  # type: ignore[attr-defined]
        return "250 OK"

    async def handle_RCPT(self, *_: object) -> str:  # noqa: N802
        return "451 4.7.1 greylisted"


@pytest.mark.parametrize("accepted", [True, False])
def test_a_letter_in_doubt_is_settled_by_what_the_tray_holds(stage: Stage, accepted: bool) -> None:
    """Its worker died between the dot and the record of the reply, with or without the tray having it."""
    stage.publish(recipients=(PRACTITIONER,))
    stage.service.plan(stage.now)
    if accepted:
        stage.service.deliver(stage.relay, lambda: stage.now)
        forget_the_outcome(stage)
    else:
        die_after_the_intent(stage)
    assert stage.tray.count() == int(accepted)

    stage.service.recover(stage.now + 2 * LEASE_FOR)
    stage.beat(stage.now + 2 * LEASE_FOR)

    assert stage.states("invitation") == {S.SENT: 1}
    assert stage.tray.count() == 1


def test_the_tray_settles_no_doubt_about_what_was_to_leave_for_a_mail_server(stage: Stage) -> None:
    stage.publish(recipients=(PRACTITIONER,))
    stage.service.plan(stage.now)
    die_after_the_intent(stage, through="smtp://mail.ministry.example:25")

    stage.beat(stage.now + 2 * LEASE_FOR)

    assert stage.states("invitation") == {S.IN_DOUBT: 1}
    assert stage.tray.count() == 0


def test_without_evidence_an_invitation_in_doubt_is_repeated_once_byte_for_byte(stage: Stage) -> None:
    stage.publish(recipients=(PRACTITIONER,))
    stage.service = replace(stage.service, witnesses=())
    stage.service.plan(stage.now)
    stage.service.deliver(stage.relay, lambda: stage.now)
    forget_the_outcome(stage)

    stage.beat(PUBLISHED_AT + HOUR)
    stage.beat(PUBLISHED_AT + 2 * HOUR)
    assert stage.states("invitation") == {S.SENT: 1}

    forget_the_outcome(stage)
    for hours in range(3, 48):
        stage.beat(PUBLISHED_AT + hours * HOUR)

    assert stage.states("invitation") == {S.IN_DOUBT: 1}
    (_, first), (_, second) = stage.tray.everything()
    assert first == second


def test_without_evidence_a_reminder_in_doubt_is_held_and_never_sent_again(stage: Stage) -> None:
    stage.publish(recipients=(PRACTITIONER,))
    stage.beat()
    reminder = next(o for o in stage.timetable() if o.mailing == "reminder")
    stage.now = reminder.due_at
    stage.service = replace(stage.service, witnesses=())
    stage.service.plan(stage.now)
    die_after_the_intent(stage)

    for hours in range(1, 48):
        stage.beat(reminder.due_at + hours * HOUR)

    assert stage.states("reminder") == {S.IN_DOUBT: 1}
    assert stage.tray.count() == 1


def test_an_unchanged_agenda_makes_no_new_version_and_a_changed_list_none_either(stage: Stage) -> None:
    stage.publish(recipients=(FOCAL_POINT,))
    version, roster = stage.service.publish(EVENT, RECIPIENTS, PUBLISHED_AT + DAY)

    assert version.number == 1
    assert len(roster.added) == len(RECIPIENTS) - 1


def test_letters_not_yet_sent_are_written_from_the_new_version(stage: Stage) -> None:
    stage.publish(recipients=(PRACTITIONER,))
    stage.service.plan(stage.now)
    renamed = EVENT.model_copy(update={"title": "A Conference by Another Name"})
    stage.publish(renamed, (PRACTITIONER,))
    stage.beat()

    ((letter, _),) = stage.tray.everything()
    assert "A Conference by Another Name" in letter.subject


def die_after_the_intent(stage: Stage, through: str = THE_TRAY) -> None:
    with stage.database.writing() as transaction:
        (letter,) = claims.claim(transaction, "a worker that dies", stage.now, 10, LEASE_FOR)
        intent = Change(letter, Happening.INTENDED, through, "0" * 64)
        assert claims.happen(transaction, [intent], stage.now) == [intent]


def forget_the_outcome(stage: Stage) -> None:
    """Put the database back to where it was when the dot was about to be sent."""
    with stage.database.writing() as transaction:
        transaction.execute(
            letter_table.update().values(
                state=S.LEAVING, owner="a worker that died", lease_until=stage.now, settled_at=None, reply=""
            )
        )


def test_a_service_leaves_the_letters_of_other_events_alone(stage: Stage) -> None:
    other = EVENT.model_copy(update={"key": "another"})
    replace(stage.service, event="another").publish(other, (FOCAL_POINT,), stage.now)
    stage.publish(recipients=(PRACTITIONER,))

    stage.beat()

    assert stage.caught() == {PRACTITIONER.address: 1}
    stage.service = replace(stage.service, event="another")
    stage.beat()
    assert stage.caught() == {PRACTITIONER.address: 1, FOCAL_POINT.address: 1}


def test_an_unsent_letter_of_a_mailing_that_is_dropped_never_leaves(stage: Stage) -> None:
    stage.publish()
    stage.service.plan(stage.now)
    rest = tuple(mailing for mailing in EVENT.mailings if mailing.key != "invitation")
    stage.publish(EVENT.model_copy(update={"mailings": rest}))

    assert stage.states("invitation") == {S.WITHDRAWN: len(RECIPIENTS)}
    stage.beat()
    assert stage.tray.count() == 0


def test_how_long_a_letter_is_useful_follows_the_agenda_as_soon_as_it_is_published(stage: Stage) -> None:
    stage.publish()
    stage.beat()
    first = EVENT.sessions[0]
    stage.publish(moved(first.key, -HOUR))

    with stage.database.reading() as transaction:
        (invitation,) = occasions.occasions(transaction, EVENT.key)
    assert invitation.useful_until == first.starts_at - HOUR
    assert invitation.withdrawn_at is None


def test_who_missed_a_mailing_gets_it_when_the_event_is_put_off(stage: Stage) -> None:
    stage.publish(recipients=(PRACTITIONER,))
    stage.beat()
    stage.beat(STARTS_AT + HOUR)
    assert stage.states("practical") == {S.MISSED: 1}

    later = EVENT
    for session in EVENT.sessions:
        later = moved(session.key, 30 * DAY, later)
    stage.publish(later, (PRACTITIONER,))
    stage.play_until(STARTS_AT + 30 * DAY - MINUTE)

    assert stage.states("practical") == {S.MISSED: 1, S.SENT: 1}


def test_what_is_claimed_when_the_agenda_changes_does_not_leave_from_the_old_one(stage: Stage) -> None:
    """Its owner has read the old version; a relay that takes its time leaves room for a new one."""
    stage.publish(recipients=(PRACTITIONER,))
    stage.service.plan(stage.now)
    with stage.database.writing() as transaction:
        (letter,) = claims.claim(transaction, "slow", stage.now, 10, LEASE_FOR, event=EVENT.key)
    stage.publish(EVENT.model_copy(update={"title": "Another Name"}), (PRACTITIONER,))
    intent = Change(letter, Happening.INTENDED, digest="0" * 64)
    with stage.database.writing() as transaction:
        assert claims.happen(transaction, [intent], stage.now) == []

    stage.beat(stage.now + 2 * LEASE_FOR)

    ((caught, _),) = stage.tray.everything()
    assert "Another Name" in caught.subject


def test_who_is_no_longer_in_the_audience_gets_no_letter_that_still_waits(stage: Stage) -> None:
    stage.publish()
    stage.service.plan(stage.now)
    narrow = tuple(
        m.model_copy(update={"audience": "role = speaker"}) if m.key == "invitation" else m
        for m in EVENT.mailings
    )
    stage.now += MINUTE
    stage.publish(EVENT.model_copy(update={"mailings": narrow}))
    stage.beat()

    assert stage.caught() == {r.address: 1 for r in RECIPIENTS if r.role == "speaker"}
    assert stage.states("invitation")[S.WITHDRAWN] == len(RECIPIENTS) - 1


def test_who_answers_while_their_reminder_waits_is_not_reminded(stage: Stage) -> None:
    stage.publish(recipients=(PRACTITIONER,))
    stage.play_until(PUBLISHED_AT + HOUR)
    (due_at,) = {o.due_at for o in stage.timetable() if o.mailing == "reminder"}
    stage.now = due_at
    stage.service.plan(stage.now)
    with stage.database.writing() as transaction:
        (member,) = people.roster(transaction, EVENT.key)
        people.record_answer(
            transaction, member.id, "event", "accepted", stage.now + MINUTE, "page", sequence=0
        )
    stage.beat(due_at + 2 * MINUTE)

    assert stage.states("reminder") == {S.WITHDRAWN: 1}


def test_who_is_added_within_the_second_in_which_a_mailing_was_opened_still_gets_it(stage: Stage) -> None:
    stage.publish(recipients=(FOCAL_POINT,))
    stage.beat(PUBLISHED_AT + timedelta(milliseconds=200))
    stage.now = PUBLISHED_AT + timedelta(milliseconds=700)
    stage.publish(recipients=(FOCAL_POINT, PRACTITIONER))
    stage.beat(PUBLISHED_AT + MINUTE)

    assert stage.caught() == {FOCAL_POINT.address: 1, PRACTITIONER.address: 1}


def test_who_publishes_what_they_saw_is_told_when_somebody_else_has_published(stage: Stage) -> None:
    stage.publish(recipients=(FOCAL_POINT,))
    with stage.database.reading() as transaction:
        seen = (1, people.changed_at(transaction, EVENT.key))
    stage.service.publish(EVENT, (FOCAL_POINT, PRACTITIONER), stage.now + MINUTE, seen=seen)

    with pytest.raises(StoreError, match="somebody else has published"):
        stage.service.publish(EVENT, (FOCAL_POINT,), stage.now + HOUR, seen=seen)


def test_a_relay_that_will_not_have_us_charges_no_letter_and_is_left_alone(stage: Stage) -> None:
    with Greylisting(refuse_sender=True) as relay:
        stage.publish()
        stage.service.plan(stage.now)
        done = stage.service.deliver(relay, lambda: stage.now)

    assert "530 5.7.0" in done.unreachable
    assert set(stage.states("invitation")) <= {S.DEFERRED, S.WAITING}
    assert done.sent == done.failed == 0
    with stage.database.reading() as transaction:
        assert {row.attempts for row in letters.search(transaction, EVENT.key)} == {0}


# ── attached files ───────────────────────────────────────────────────────────────────────────────────────────

FIRST, SECOND = (
    HandedIn(given="programme.pdf", content=b"%PDF-1.7 " + each * 90_000) for each in (b"1", b"2")
)


def files_of(raw: bytes) -> dict[str | None, object]:
    parts = message_from_bytes(raw).walk()
    return {part.get_filename(): part.get_payload(decode=True) for part in parts if part.get_filename()}


def test_a_letter_carries_the_files_of_the_version_it_is_written_from(stage: Stage) -> None:
    for file in (FIRST, SECOND):
        event = attach(EVENT, "invitation", [file])
        stage.service.publish(event, RECIPIENTS, stage.now, contents=contents_of([file]))
        if file is FIRST:
            stage.service.plan(stage.now)  # written from the first version, and not sent
    stage.beat()

    letters_sent = [raw for _, raw in stage.tray.everything()]
    assert len(letters_sent) == len(RECIPIENTS)
    assert all(files_of(raw)["programme.pdf"] == SECOND.content for raw in letters_sent)
    with stage.database.reading() as transaction:
        (row, *_) = letters.search(transaction, EVENT.key, limit=1)
    assert stage.service.compose(row).raw in letters_sent
    assert files_of(stage.service.compose(replace(row, version=1)).raw)["programme.pdf"] == FIRST.content


def test_a_changed_file_is_a_new_version_and_the_same_file_is_none(stage: Stage) -> None:
    def publish(file: HandedIn) -> int:
        event = attach(EVENT, "report", [file])
        version, _ = stage.service.publish(event, RECIPIENTS, stage.now, contents=contents_of([file]))
        return version.number

    assert [publish(file) for file in (FIRST, FIRST, SECOND, FIRST)] == [1, 1, 2, 3]


def test_an_approved_mailing_whose_file_changes_waits_for_another_approval(stage: Stage) -> None:
    asked = EVENT.model_copy(update={"approval": Approval.ONE})
    stage.service.publish(
        attach(asked, "invitation", [FIRST]), RECIPIENTS, stage.now, contents=contents_of([FIRST])
    )
    releasing = Releasing(database=stage.database, event=EVENT.key)
    releasing.approve("invitation", "Maria", stage.now)
    stage.service.publish(
        attach(asked, "invitation", [SECOND]), RECIPIENTS, stage.now + MINUTE, contents=contents_of([SECOND])
    )
    stage.beat(stage.now + MINUTE)

    assert stage.caught() == {}
    assert releasing.sight("invitation", stage.now).changed == ["the agenda"]
    releasing.approve("invitation", "Maria", stage.now)
    stage.beat()
    assert {len(files_of(raw)) for _, raw in stage.tray.everything()} == {2}
