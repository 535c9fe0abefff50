"""What must hold whatever went wrong: the outbox beside the log of the server that judges.

It looks when all is over, changes nothing, and knows nothing of what was done.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from sqlalchemy import text

from mailer.outbox import letters
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening, LetterState
from mailer.outbox.letters import LetterRow
from tests.faults.receiver import Seen, only
from tests.faults.stage import EVENT, HELD, Name

S, H = LetterState, Happening

ACCOUNTED = frozenset({S.SENT, S.DEFERRED, S.FAILED, S.IN_DOUBT, S.SUPPRESSED, S.WITHDRAWN, S.MISSED})

MAY_HAVE_COME = frozenset({S.SENT, S.IN_DOUBT})

PROMISES = {
    "I1": "every letter that was planned is accounted for, once",
    "I2": "every letter that is sent was kept by the server; what else it kept is in doubt, or was before",
    "I3": "letters that are held come once at most, others twice at most and then byte for byte",
    "I4": "the database is sound",
    "I5": "nobody was sent what is another's",
    "I6": "no dot came without its intent",
}


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What was found. `broken` are sentences by the promise they speak of; none, if all of them hold."""

    letters: int
    states: Counter[LetterState]
    lost: int = 0
    held_twice: int = 0
    repeated: int = 0
    altered: int = 0
    strangers: int = 0
    is_sound: bool = True
    broken: Mapping[str, Sequence[str]] = field(default_factory=dict)


Wrong = Iterator[tuple[Collection[object], str]]
"""What was found to be wrong, as (letters or what else, in what way); nothing wrong where there are none."""


@dataclass(frozen=True, kw_only=True)
class _Evidence:
    """What the outbox says of each letter, and the log of the server; `kept` counts its copies by their bytes."""

    expected: AbstractSet[Name]
    held: Collection[str]
    rows: Mapping[Name, Sequence[LetterRow]]
    intents: Counter[Name]
    dots: Counter[Name]
    kept: Mapping[Name, Counter[str]]
    strangers: Sequence[str]
    integrity: str

    @property
    def states(self) -> dict[Name, LetterState]:
        return {name: found[0].state for name, found in self.rows.items()}

    @property
    def lost(self) -> list[Name]:
        return [name for name, state in self.states.items() if state is S.SENT and name not in self.kept]

    @property
    def held_twice(self) -> list[Name]:
        return [n for n, copies in self.kept.items() if n[1] in self.held and copies.total() > 1]

    @property
    def too_often(self) -> list[Name]:
        return [name for name, copies in self.kept.items() if copies.total() > 2]

    @property
    def altered(self) -> list[Name]:
        return [name for name, copies in self.kept.items() if len(copies) > 1]

    @property
    def repeated(self) -> list[Name]:
        return [n for n, copies in self.kept.items() if n[1] not in self.held and copies.total() == 2]


def _all_are_accounted_for(found: _Evidence) -> Wrong:
    yield found.expected ^ found.rows.keys(), "letters are missing, or nobody planned them"
    yield [name for name, rows in found.rows.items() if len(rows) > 1], "letters are there twice"
    yield [n for n, state in found.states.items() if state not in ACCOUNTED], "letters are still open"


def _what_is_sent_was_kept(found: _Evidence) -> Wrong:
    yield found.lost, "lost letters"
    may_have_come = {
        name for name, (row, *_) in found.rows.items() if row.repeated_at or row.state in MAY_HAVE_COME
    }
    yield found.kept.keys() - may_have_come, "letters arrived and are said not to have"


def _none_comes_too_often(found: _Evidence) -> Wrong:
    yield found.held_twice, "letters came twice that are held"
    yield found.too_often, "letters came more than twice"
    yield found.altered, "repeated letters were not the same byte for byte"


def _the_database_is_sound(found: _Evidence) -> Wrong:
    yield [] if found.integrity == "ok" else [found.integrity], "complaint of the database"


def _nobody_had_anothers(found: _Evidence) -> Wrong:
    yield found.strangers, "letters were another's"


def _every_dot_had_its_intent(found: _Evidence) -> Wrong:
    yield [n for n, count in found.dots.items() if count > found.intents[n]], "dots came without an intent"


_CHECKS: Mapping[str, Callable[[_Evidence], Wrong]] = {
    "I1": _all_are_accounted_for,
    "I2": _what_is_sent_was_kept,
    "I3": _none_comes_too_often,
    "I4": _the_database_is_sound,
    "I5": _nobody_had_anothers,
    "I6": _every_dot_had_its_intent,
}


def examine(
    database: Database,
    seen: Sequence[Seen],
    expected: Mapping[Name, str],
    *,
    held: Collection[str] = HELD,
    former: Mapping[Name, str] | None = None,
) -> Findings:
    """All invariants. `expected` are the SHA-256 of the letters as they stand at the end, `former` of those that
    have left before something was changed.
    """
    names = {digest: name for name, digest in [*(former or {}).items(), *expected.items()]}
    kept, strangers = _kept(seen, names)
    found = _Evidence(
        expected=expected.keys(),
        held=held,
        rows=_rows(database),
        intents=_intents(database),
        dots=Counter(names[each.content] for each in only(seen, "dot") if each.content in names),
        kept=kept,
        strangers=strangers,
        integrity=_integrity(database),
    )
    told = {
        promise: [_sentence(*wrong) for wrong in check(found) if wrong[0]]
        for promise, check in _CHECKS.items()
    }
    return Findings(
        letters=len(expected),
        states=Counter(found.states.values()),
        lost=len(found.lost),
        held_twice=len(found.held_twice),
        repeated=len(found.repeated),
        altered=len(found.altered) + len(found.too_often),
        strangers=len(strangers),
        is_sound=found.integrity == "ok",
        broken={promise: sentences for promise, sentences in told.items() if sentences},
    )


def _sentence(wrong: Collection[object], what: str) -> str:
    shown = ", ".join(sorted(map(str, wrong))[:5])
    return f"{len(wrong)} {what}: {shown}"


def _kept(seen: Sequence[Seen], names: Mapping[str, Name]) -> tuple[dict[Name, Counter[str]], list[str]]:
    """The letters that the server kept, and a sentence for each that came to somebody else."""
    kept: dict[Name, Counter[str]] = {}
    strangers = list[str]()
    for each in only(seen, "kept"):
        name = names.get(each.content)
        if name is None or name[0] != each.reader:
            strangers.append(f"{each.reader} had {name[0] if name else 'unknown bytes'}")
        else:
            kept.setdefault(name, Counter())[each.content] += 1
    return kept, strangers


def _rows(database: Database) -> dict[Name, list[LetterRow]]:
    with database.reading() as transaction:
        rows = letters.search(transaction, EVENT.key, limit=1_000_000)
    found: dict[Name, list[LetterRow]] = {}
    for row in rows:
        found.setdefault((row.recipient.address, row.mailing), []).append(row)
    return found


def _intents(database: Database) -> Counter[Name]:
    found: Counter[Name] = Counter()
    with database.reading() as transaction:
        for row in letters.search(transaction, EVENT.key, limit=1_000_000):
            happened = [each.happening for each in letters.history(transaction, row.id)]
            found[row.recipient.address, row.mailing] += happened.count(H.INTENDED)
    return found


def _integrity(database: Database) -> str:
    if database.engine.dialect.name != "sqlite":
        return "ok"
    with database.reading() as transaction:
        return str(transaction.scalar(text("PRAGMA integrity_check(1)")))


_BY_DEATH = """
SELECT count(*) FROM letter_history
WHERE happening = 'lost' AND (note = 'its lease ran out' OR note LIKE '% stopped')"""


def doubts_by_death(database: Database) -> int:
    """How many letters came into doubt so far because somebody who had them was gone."""
    with database.reading() as transaction:
        return int(transaction.scalar(text(_BY_DEATH)) or 0)


def open_letters(database: Database) -> Counter[LetterState]:
    """Letters by state, of those that are not ended."""
    query = "SELECT state, count(*) FROM letter WHERE state NOT IN ('sent', 'failed') GROUP BY 1"
    with database.reading() as transaction:
        return Counter({S(row[0]): row[1] for row in transaction.execute(text(query))})
