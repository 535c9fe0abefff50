"""What becomes of letters in doubt: the decision as a table of cases, and the settling itself on both databases."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from mailer import settling
from mailer.agenda.model import CalendarPart, Mailing
from mailer.composition import composing, wording
from mailer.composition.composing import Composed, Sender
from mailer.composition.links import Signer
from mailer.errors import ConvenorError, WordingError
from mailer.inbox.sent import Looked
from mailer.outbox import agendas, claims, letters, occasions, people
from mailer.outbox.database import Database
from mailer.outbox.doubts import Doubt
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.letters import LetterRow
from mailer.outbox.occasions import NewLetter
from mailer.planning.due import Occasion
from mailer.settings import ROOT
from mailer.settling import ALTERED, Settled, Verdict, decide
from mailer.witnesses import EVIDENCE_COMES_WITHIN, THE_TRAY, Evidence, SentWitness, TrayWitness, Witness
from tests.conference import EVENT, PRACTITIONER, PUBLISHED_AT, RECIPIENTS, STARTS_AT, version
from tests.outbox.world import tell, told
from tests.test_witnesses import DOUBT, Mailbox

S, H, V = LetterState, Happening, Verdict
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
RELAY = "smtp://mail.ministry.example:25"

# ── the decision ─────────────────────────────────────────────────────────────────────────────────────────────

INVITATION, AGENDA, REMINDER, PRACTICAL, SESSION_REMINDER, REPORT = EVENT.mailings
AT = DOUBT.doubted_at
LATE = AT + 2 * EVIDENCE_COMES_WITHIN
ASKED = Evidence()


@pytest.mark.parametrize(
    ("mailing", "verdict"),
    [
        (INVITATION, V.REPEAT),
        (AGENDA, V.REPEAT),
        (REMINDER, V.HOLD),
        (PRACTICAL, V.HOLD),
        (SESSION_REMINDER, V.HOLD),
        (REPORT, V.HOLD),
        (INVITATION.model_copy(update={"calendar": CalendarPart.NONE}), V.HOLD),
        (PRACTICAL.model_copy(update={"calendar": CalendarPart.EVENT}), V.REPEAT),
    ],
)
def test_without_evidence_calendar_letters_are_repeated_and_the_others_held(
    mailing: Mailing, verdict: Verdict
) -> None:
    assert decide(DOUBT, mailing, ASKED, LATE).verdict is verdict


@pytest.mark.parametrize("mailing", [INVITATION, REMINDER])
@pytest.mark.parametrize(
    ("evidence", "doubt", "verdict", "reason"),
    [
        (Evidence(found="the Sent folder"), DOUBT, V.FOUND, "found in the Sent folder"),
        (Evidence(not_found="the tray"), DOUBT, V.NOT_FOUND, "the tray never had it"),
        (Evidence(found="a", not_found="b"), DOUBT, V.FOUND, "found in a"),
        (
            ASKED,
            replace(DOUBT, answered_at=AT),
            V.FOUND,
            "its reader has answered since, and had no other letter",
        ),
    ],
)
def test_evidence_goes_before_everything(
    mailing: Mailing, evidence: Evidence, doubt: Doubt, verdict: Verdict, reason: str
) -> None:
    gone = replace(doubt, is_asked=False, useful_until=AT, letter=replace(doubt.letter, repeated_at=AT))
    for each in (doubt, gone):
        for now in (AT, LATE):
            decision = decide(each, mailing, evidence, now)
            assert (decision.verdict, decision.reason) == (verdict, reason)


def test_nothing_is_repeated_before_evidence_had_time_to_come() -> None:
    slow = Evidence(comes_within=10 * MINUTE)
    just = timedelta(microseconds=1)
    assert decide(DOUBT, INVITATION, ASKED, AT + EVIDENCE_COMES_WITHIN - just).verdict is V.WAIT
    assert decide(DOUBT, INVITATION, ASKED, AT + EVIDENCE_COMES_WITHIN).verdict is V.REPEAT
    assert decide(DOUBT, INVITATION, slow, AT + 10 * MINUTE - just).verdict is V.WAIT
    assert decide(DOUBT, INVITATION, slow, AT + 10 * MINUTE).verdict is V.REPEAT


def test_a_witness_who_cannot_be_asked_is_awaited_for_an_hour_and_no_longer() -> None:
    away = Evidence(unheard="the Sent folder", comes_within=10 * MINUTE)
    waits = decide(DOUBT, INVITATION, away, AT + 69 * MINUTE)
    assert (waits.verdict, waits.reason) == (V.WAIT, "the Sent folder has not been asked yet")
    assert decide(DOUBT, INVITATION, away, AT + 70 * MINUTE).verdict is V.REPEAT


@pytest.mark.parametrize(
    ("doubt", "reason"),
    [
        (replace(DOUBT, letter=replace(DOUBT.letter, repeated_at=AT)), "it has been repeated once already"),
        (replace(DOUBT, is_asked=False), "its occasion or its reader is gone"),
        (replace(DOUBT, useful_until=LATE), "it is no longer useful"),
    ],
)
def test_what_may_not_be_repeated_is_held(doubt: Doubt, reason: str) -> None:
    decision = decide(doubt, INVITATION, ASKED, LATE)
    assert (decision.verdict, decision.reason) == (V.HOLD, reason)


# ── the settling ─────────────────────────────────────────────────────────────────────────────────────────────

TEXTS = wording.load(ROOT / "templates")
SENDER = Sender(signer=Signer(b"k" * 32), base_url="https://conference.example")
VERSION = version()


def compose(letter: LetterRow, sender: Sender = SENDER) -> Composed:
    return composing.compose(
        version=VERSION, mailing=EVENT.mailing(letter.mailing), anchor=letter.anchor, recipient=letter.recipient,
        due_at=letter.due_at, dated_at=letter.dated_at, texts=TEXTS, sender=sender,
    )  # fmt: skip


@dataclass
class Stage:
    """The conference, published, and the hands of the clock."""

    database: Database
    now: datetime = PUBLISHED_AT

    def publish(self) -> None:
        with self.database.writing() as c:
            agendas.publish(c, VERSION)
            agendas.keep_wording(c, TEXTS.digest, TEXTS.texts)
            people.save_roster(
                c, EVENT.key, RECIPIENTS, self.now, lambda address: SENDER.signer.handle(EVENT.key, address)
            )

    def write(self, mailing: str, useful_until: datetime = STARTS_AT) -> None:
        """A letter of this mailing, due now, for the practitioner."""
        due = Occasion(due_at=self.now, mailing=mailing, anchor="event", useful_until=useful_until)
        with self.database.writing() as c:
            (reader,) = [each.id for each in people.roster(c, EVENT.key) if each.recipient == PRACTITIONER]
            new = NewLetter(member_id=reader, version=1, wording=TEXTS.digest, dated_at=self.now)
            occasions.add_letters(c, occasions.open_occasion(c, EVENT.key, due, self.now), [new])

    def lose(self, through: str = RELAY) -> int:
        """Take the letter that waits as far as its dot, and lose sight of it; its id."""
        with self.database.writing() as c:
            (claimed,) = claims.claim(c, "one", self.now, 9, MINUTE)
        (row,) = [each for each in self.rows() if each.id == claimed.id]
        digest = hashlib.sha256(compose(row).raw).hexdigest()
        assert claimed.repeats in {None, digest}
        intent = told(claimed, H.INTENDED, digest=digest, reply=through)
        tell(self.database, intent, told(claimed, H.LOST, reply="no answer"), now=self.now)
        assert self.row().state is S.IN_DOUBT
        return claimed.id

    def rows(self) -> list[LetterRow]:
        with self.database.reading() as c:
            return letters.search(c, EVENT.key)

    def row(self) -> LetterRow:
        return self.rows()[-1]

    def settle(self, *witnesses: Witness, after: timedelta = timedelta(0)) -> Settled:
        self.now += after
        return settling.settle_doubts(self.database, EVENT.key, compose, witnesses, self.now)

    def by_hand(self, said: dict[int, Happening]) -> None:
        settling.settle_by_hand(self.database, EVENT.key, compose, said, self.now)

    def uids(self) -> list[str]:
        with self.database.reading() as c:
            from mailer.outbox import ledger

            return [each.uid for each in ledger.ledger(c, EVENT.key)]


@pytest.fixture
def stage(database: Database) -> Stage:
    made = Stage(database=database)
    made.publish()
    return made


@pytest.fixture
def lost(stage: Stage) -> int:
    """An invitation, the kind that may be repeated."""
    stage.write("invitation")
    return stage.lose()


def sent_folder(*holds: str) -> SentWitness:
    return SentWitness(look=Mailbox(holds=set(holds)).look)


def test_while_nothing_is_in_doubt_nobody_is_asked(stage: Stage) -> None:
    def look(_: Sequence[str]) -> Looked:
        raise AssertionError("the folder was read")

    assert stage.settle(SentWitness(look=look)) == Settled()


def test_a_copy_in_the_sent_folder_shows_that_it_was_sent(stage: Stage, lost: int) -> None:
    composed = compose(stage.row())
    assert stage.settle(sent_folder(composed.message_id)) == Settled(found=1)
    assert (stage.row().state, stage.row().reason) == (S.SENT, "found in the Sent folder")
    assert stage.uids() == [entry[1] for entry in composed.entries]


@pytest.mark.parametrize(("is_kept", "state"), [(True, S.SENT), (False, S.WAITING)])
def test_the_tray_settles_at_once_what_went_to_it(stage: Stage, is_kept: bool, state: LetterState) -> None:
    stage.write("reminder")
    stage.lose(through=THE_TRAY)
    stage.settle(TrayWitness(holds=lambda _: is_kept))
    assert (stage.row().state, stage.row().repeated_at) == (state, None)


def test_the_tray_settles_nothing_that_went_elsewhere(stage: Stage, lost: int) -> None:
    assert stage.settle(TrayWitness(holds=lambda _: False)) == Settled(waiting=1)
    assert stage.row().state is S.IN_DOUBT


def test_without_evidence_an_invitation_is_repeated_once_and_then_held_for_a_person(
    stage: Stage, lost: int
) -> None:
    assert stage.settle(after=EVIDENCE_COMES_WITHIN) == Settled(repeated=1)
    first = stage.row()
    assert (first.state, first.repeated_at) == (S.WAITING, stage.now)

    assert stage.lose() == lost
    assert stage.row().content == first.content
    assert stage.settle(after=24 * HOUR) == Settled(held=1)
    assert stage.row().state is S.IN_DOUBT


def test_a_folder_without_a_copy_delays_the_repetition_and_does_not_forbid_it(
    stage: Stage, lost: int
) -> None:
    folder = sent_folder()
    said = [stage.settle(folder, after=MINUTE) for _ in range(10)]
    assert said == [*[Settled(waiting=1)] * 9, Settled(repeated=1)]


def test_a_folder_that_cannot_be_read_is_said_and_awaited(stage: Stage, lost: int) -> None:
    away = SentWitness(look=Mailbox(trouble="away").look)
    assert stage.settle(away, after=11 * MINUTE) == Settled(waiting=1, troubles=("away",))
    assert stage.settle(away, after=59 * MINUTE) == Settled(repeated=1, troubles=("away",))


def test_a_reminder_is_held_until_somebody_knows(stage: Stage) -> None:
    stage.write("reminder")
    lost = stage.lose()
    folder = Mailbox()
    witness = SentWitness(look=folder.look)
    assert stage.settle(witness, after=24 * HOUR) == Settled(held=1)
    folder.holds.add(compose(stage.row()).message_id)
    assert stage.settle(witness, after=HOUR) == Settled(found=1)
    assert stage.row().id == lost


def test_an_answer_settles_it(stage: Stage) -> None:
    stage.write("reminder")
    stage.lose()
    with stage.database.writing() as c:
        people.record_answer(
            c, stage.row().recipient_id, "event", "accepted", stage.now + MINUTE, "page", sequence=0
        )
    assert stage.settle(after=2 * MINUTE) == Settled(found=1)
    assert stage.row().state is S.SENT


def test_what_is_no_longer_useful_is_never_repeated(stage: Stage) -> None:
    stage.write("invitation", useful_until=stage.now + MINUTE)
    stage.lose()
    assert stage.settle(after=HOUR) == Settled(held=1)


def test_what_would_not_be_the_same_bytes_is_held(stage: Stage, lost: int) -> None:
    moved = replace(SENDER, base_url="https://elsewhere.example")
    for other in (lambda letter: compose(letter, moved), unwritable):
        later = stage.now + HOUR
        settled = settling.settle_doubts(stage.database, EVENT.key, other, (), later)
        assert settled == Settled(held=1)
        with pytest.raises(ConvenorError, match=f"letter {lost} is not repeated: {ALTERED.reason}"):
            settling.settle_by_hand(stage.database, EVENT.key, other, {lost: H.REPEATED}, later)
    assert stage.row().state is S.IN_DOUBT


def unwritable(_: LetterRow) -> Composed:
    raise WordingError("no such word", template="invitation/en.txt")


def test_a_letter_that_can_no_longer_be_written_is_shown_and_settled_by_a_person(
    stage: Stage, lost: int
) -> None:
    (shown,) = settling.open_doubts(stage.database, EVENT.key, unwritable, stage.now)
    assert (shown.doubt.letter.id, shown.message_id) == (lost, "")
    settling.settle_by_hand(stage.database, EVENT.key, unwritable, {lost: H.FOUND}, stage.now)
    assert stage.row().state is S.SENT


# ── a person ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_person_sees_what_to_look_for_and_what_happens_by_itself(stage: Stage, lost: int) -> None:
    (shown,) = settling.open_doubts(stage.database, EVENT.key, compose, stage.now)
    assert (shown.doubt.letter.id, shown.doubt.through) == (lost, RELAY)
    assert shown.message_id == compose(stage.row()).message_id
    assert (shown.decision.verdict, shown.decision.reason) == (
        V.WAIT,
        "it is repeated once if no evidence comes",
    )


@pytest.mark.parametrize(
    ("happening", "state", "entries"),
    [(H.FOUND, S.SENT, 1), (H.NOT_FOUND, S.WAITING, 0), (H.REPEATED, S.WAITING, 0)],
)
def test_what_a_person_says_holds(
    stage: Stage, lost: int, happening: Happening, state: LetterState, entries: int
) -> None:
    stage.by_hand({lost: happening})
    assert (stage.row().state, len(stage.uids())) == (state, entries)
    assert (stage.row().repeated_at is not None) == (happening is H.REPEATED)
    with stage.database.reading() as c:
        last = [each for each in letters.history(c, lost) if each.happening is happening]
    assert [each.note for each in last] == ["settled by hand"]


def test_a_person_may_have_a_reminder_repeated_and_nobody_a_third_copy(stage: Stage) -> None:
    stage.write("reminder")
    lost = stage.lose()
    stage.by_hand({lost: H.REPEATED})
    stage.lose()
    with pytest.raises(
        ConvenorError, match=f"letter {lost} is not repeated: it has been repeated once already"
    ):
        stage.by_hand({lost: H.REPEATED})
    stage.by_hand({lost: H.FOUND})
    assert stage.row().state is S.SENT


def test_it_is_all_or_nothing(stage: Stage, lost: int) -> None:
    with pytest.raises(ConvenorError, match="not in doubt: 98, 99; nothing was changed"):
        stage.by_hand({lost: H.FOUND, 99: H.FOUND, 98: H.REPEATED})
    assert stage.row().state is S.IN_DOUBT


def test_who_is_late_changes_nothing(stage: Stage, lost: int) -> None:
    """The service settles it while a person still reads what the log says."""
    stage.write("reminder")
    other = stage.lose()

    def slowly(letter: LetterRow) -> Composed:
        stage.settle(sent_folder(compose(letter).message_id) if letter.id == lost else sent_folder())
        return compose(letter)

    with pytest.raises(ConvenorError, match=f"letter {lost} has been settled meanwhile"):
        settling.settle_by_hand(
            stage.database, EVENT.key, slowly, {other: H.FOUND, lost: H.NOT_FOUND}, stage.now
        )
    assert [row.state for row in stage.rows()] == [S.SENT, S.IN_DOUBT]


def test_a_letter_settled_by_somebody_else_meanwhile_is_left_alone(stage: Stage, lost: int) -> None:
    def look(message_ids: Sequence[str]) -> Looked:
        stage.by_hand({lost: H.NOT_FOUND})
        return Looked(found=frozenset(message_ids))

    assert stage.settle(SentWitness(look=look)) == Settled()
    assert stage.row().state is S.WAITING
