"""Letters in doubt are settled: by whoever has evidence, then by what their kind allows, and else by a person.

Whether a server has a letter whose reply was lost, nobody can know (RFC 1047). What may be done about it `decide`
says, a pure function over a table; `settle_doubts` hears the witnesses and writes down what was decided. How a
witness knows is in `witnesses`.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from mailer import calendars
from mailer.agenda.model import UNASKED, CalendarPart, Mailing
from mailer.composition.composing import Composed
from mailer.errors import ConvenorError, UnsafeLetter, WordingError
from mailer.outbox import agendas, audit, doubts
from mailer.outbox.database import Database, Transaction
from mailer.outbox.doubts import Doubt
from mailer.outbox.letter import Happening
from mailer.outbox.letters import LetterRow
from mailer.witnesses import Evidence, Witness, hear

WITNESSES_ARE_AWAITED_FOR = timedelta(hours=1)
"""How much longer one waits for a witness who cannot be asked: an invitation is not held for ever by a mailbox."""

Compose = Callable[[LetterRow], Composed]


class Policy(StrEnum):
    """What may be done with a letter of which no evidence has come."""

    REPEAT = "repeat"
    HOLD = "hold"


POLICIES: tuple[tuple[Callable[[Mailing], bool], Policy, str], ...] = (
    (lambda m: m.is_reminder, Policy.HOLD, "a reminder may not come twice"),
    (
        lambda m: m.calendar is not CalendarPart.NONE,
        Policy.REPEAT,
        "a calendar takes the same entry twice for one",
    ),
    (lambda _: True, Policy.HOLD, "a letter without a calendar entry may not come twice"),
)
"""Which mailings' letters are repeated, once and byte for byte, and which are held for a person: the first row that
fits counts.
"""


class Verdict(StrEnum):
    FOUND = "found"
    NOT_FOUND = "not_found"
    REPEAT = "repeat"
    WAIT = "wait"
    HOLD = "hold"


HAPPENINGS = {
    Verdict.FOUND: Happening.FOUND,
    Verdict.NOT_FOUND: Happening.NOT_FOUND,
    Verdict.REPEAT: Happening.REPEATED,
}


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What becomes of a letter in doubt, and why; WAIT and HOLD leave it as it is."""

    verdict: Verdict
    reason: str


ALTERED = Decision(
    verdict=Verdict.HOLD, reason="it cannot be repeated: it would not be the same byte for byte"
)


def decide(
    doubt: Doubt, mailing: Mailing, evidence: Evidence, now: datetime, *, is_superseded: bool = False
) -> Decision:
    """What becomes of a letter in doubt at `now`: evidence first, then patience, then the policy of its kind.

    One whose entry says what the agenda no longer does `is_superseded`: a late copy would undo what came after it.
    """
    if evidence.found:
        return Decision(verdict=Verdict.FOUND, reason=f"found in {evidence.found}")
    if evidence.not_found:
        return Decision(verdict=Verdict.NOT_FOUND, reason=f"{evidence.not_found} never had it")
    if doubt.answered_at:
        return Decision(
            verdict=Verdict.FOUND, reason="its reader has answered since, and had no other letter"
        )
    policy, why = next((policy, why) for fits, policy, why in POLICIES if fits(mailing))
    if policy is Policy.HOLD:
        return Decision(verdict=Verdict.HOLD, reason=why)
    if obstacle := _obstacle(doubt, now, is_superseded=is_superseded):
        return Decision(verdict=Verdict.HOLD, reason=obstacle)
    due_at = doubt.doubted_at + evidence.comes_within
    if now < due_at:
        return Decision(verdict=Verdict.WAIT, reason="it is repeated once if no evidence comes")
    if evidence.unheard and now < due_at + WITNESSES_ARE_AWAITED_FOR:
        return Decision(verdict=Verdict.WAIT, reason=f"{evidence.unheard} has not been asked yet")
    return Decision(verdict=Verdict.REPEAT, reason=why)


def _obstacle(doubt: Doubt, now: datetime, *, is_superseded: bool) -> str:
    """Why a letter that could be repeated is not, whoever asks for it; nothing if it may be."""
    if doubt.letter.repeated_at:
        return "it has been repeated once already"
    if is_superseded:
        return "the agenda has changed since, and a newer letter says so"
    if not doubt.is_asked:
        return "its occasion or its reader is gone"
    if doubt.useful_until <= now:
        return "it is no longer useful"
    return ""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """How many letters in doubt went which way, and why a witness could not be asked."""

    found: int = 0
    not_found: int = 0
    repeated: int = 0
    waiting: int = 0
    held: int = 0
    troubles: tuple[str, ...] = ()


def settle_doubts(
    database: Database, event: str, compose: Compose, witnesses: Sequence[Witness], now: datetime
) -> Settled:
    """Settle what can be settled of the event's letters in doubt at `now`; one query while there are none.

    `compose` gives a letter's bytes as it is written down. It may take as long as its witnesses do.
    """
    with database.reading() as transaction:
        doubted = doubts.doubts(transaction, event)
        mailings = _mailings(transaction, event, doubted)
        superseded = calendars.superseded(transaction, event, [doubt.letter for doubt in doubted])
    if not doubted:
        return Settled()
    composed = {doubt.letter.id: _composed(compose, doubt.letter) for doubt in doubted}
    known = {paper.message_id: doubt for doubt in doubted if (paper := composed[doubt.letter.id])}
    evidence, troubles = hear(witnesses, known, now)
    decided: list[tuple[Doubt, Decision]] = []
    for doubt in doubted:
        letter, paper = doubt.letter, composed[doubt.letter.id]
        heard = evidence[paper.message_id] if paper else Evidence()
        decision = decide(
            doubt, mailings[letter.version, letter.mailing], heard, now, is_superseded=letter.id in superseded
        )
        if decision.verdict is Verdict.REPEAT and not _is_the_same(letter, paper):
            decision = ALTERED
        decided.append((doubt, decision))
    went = _write_down(database, event, decided, composed, now)
    return Settled(
        found=went[Verdict.FOUND],
        not_found=went[Verdict.NOT_FOUND],
        repeated=went[Verdict.REPEAT],
        waiting=went[Verdict.WAIT],
        held=went[Verdict.HOLD],
        troubles=troubles,
    )


def _mailings(
    transaction: Transaction, event: str, doubted: Sequence[Doubt]
) -> dict[tuple[int, str], Mailing]:
    """Every letter's mailing as it was in the version the letter is written from."""
    numbers = {doubt.letter.version for doubt in doubted}
    versions = {number: agendas.version(transaction, event, number) for number in numbers}
    return {
        (number, mailing.key): mailing
        for number, version in versions.items()
        for mailing in (*UNASKED.values(), *version.event.mailings)
    }


def _composed(compose: Compose, letter: LetterRow) -> Composed | None:
    """The letter's bytes; nothing where the program can no longer write it, and so nobody can be asked."""
    try:
        return compose(letter)
    except (WordingError, UnsafeLetter):
        return None


def _is_the_same(letter: LetterRow, composed: Composed | None) -> bool:
    return composed is not None and hashlib.sha256(composed.raw).hexdigest() == letter.content


def _write_down(
    database: Database,
    event: str,
    decided: Sequence[tuple[Doubt, Decision]],
    composed: Mapping[int, Composed | None],
    now: datetime,
) -> Counter[Verdict]:
    """Whoever else has settled a letter meanwhile was first."""
    went = Counter(decision.verdict for _, decision in decided if decision.verdict not in HAPPENINGS)
    ended = [(doubt.letter.id, decision) for doubt, decision in decided if decision.verdict in HAPPENINGS]
    if not ended:
        return went
    with database.writing() as transaction:
        for letter_id, decision in ended:
            letter = composed[letter_id]
            happening = HAPPENINGS[decision.verdict]
            entries = letter.entries if letter else ()
            went[decision.verdict] += doubts.settle(
                transaction, letter_id, happening, now, decision.reason, entries
            )
        calendars.catch_up(transaction, event, now)
    return went


@dataclass(frozen=True, kw_only=True)
class OpenDoubt:
    """A letter in doubt as a person is asked about it, and what becomes of it by itself. `message_id` is what to
    look for in a mail server's log; empty where the program can no longer write the letter. `obstacle` is why it may
    not be repeated, whoever asks for it.
    """

    doubt: Doubt
    message_id: str
    decision: Decision
    obstacle: str = ""


def open_doubts(
    database: Database, event: str, compose: Compose, now: datetime, *, only: int | None = None
) -> list[OpenDoubt]:
    """The event's letters in doubt, the longest in doubt first, or `only` the one with this id; no witness is asked."""
    with database.reading() as transaction:
        doubted = doubts.doubts(transaction, event, only=only)
        mailings = _mailings(transaction, event, doubted)
        superseded = calendars.superseded(transaction, event, [doubt.letter for doubt in doubted])
    shown = []
    for doubt in doubted:
        letter = doubt.letter
        composed = _composed(compose, letter)
        decision = decide(
            doubt,
            mailings[letter.version, letter.mailing],
            Evidence(),
            now,
            is_superseded=letter.id in superseded,
        )
        altered = "" if _is_the_same(letter, composed) else ALTERED.reason
        shown.append(
            OpenDoubt(
                doubt=doubt,
                message_id=composed.message_id if composed else "",
                decision=decision,
                obstacle=_obstacle(doubt, now, is_superseded=letter.id in superseded) or altered,
            )
        )
    return shown


SAID = {
    Happening.FOUND: "it arrived",
    Happening.NOT_FOUND: "it did not arrive, and is sent",
    Happening.REPEATED: "nobody knows; it is sent again",
}
"""What a person can say of a letter in doubt, as the audit tells it."""


def settle_by_hand(
    database: Database,
    event: str,
    compose: Compose,
    said: Mapping[int, Happening],
    now: datetime,
    *,
    by: str = audit.COMMAND_LINE,
) -> None:
    """What a person says of letters in doubt, by their ids: one of `SAID`. All of it or nothing; the audit tells of
    each that it was `by` them.

    Raises:
        ConvenorError: one of them is not in doubt, or may not be repeated.
    """
    with database.reading() as transaction:
        doubted = {doubt.letter.id: doubt for doubt in doubts.doubts(transaction, event)}
        superseded = calendars.superseded(transaction, event, [doubt.letter for doubt in doubted.values()])
    if strangers := sorted(said.keys() - doubted.keys()):
        raise ConvenorError(f"not in doubt: {', '.join(map(str, strangers))}; nothing was changed")
    composed = {letter_id: _composed(compose, doubted[letter_id].letter) for letter_id in said}
    for letter_id in sorted(each for each, happening in said.items() if happening is Happening.REPEATED):
        doubt = doubted[letter_id]
        altered = "" if _is_the_same(doubt.letter, composed[letter_id]) else ALTERED.reason
        if obstacle := _obstacle(doubt, now, is_superseded=letter_id in superseded) or altered:
            raise ConvenorError(f"letter {letter_id} is not repeated: {obstacle}; nothing was changed")
    with database.writing() as transaction:
        for letter_id, happening in said.items():
            letter = composed[letter_id]
            entries = letter.entries if letter else ()
            if not doubts.settle(transaction, letter_id, happening, now, "settled by hand", entries):
                raise ConvenorError(f"letter {letter_id} has been settled meanwhile; nothing was changed")
            audit.note(transaction, now, by, "settled", f"letter {letter_id}: {SAID[happening]}", event=event)
        calendars.catch_up(transaction, event, now)
