"""What must hold whatever went wrong: the outbox beside the log of the server that judges.

It looks when all is over, changes nothing, and knows nothing of what was done.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import text

from mailer.outbox import letters
from mailer.outbox.database import Database
from mailer.outbox.letter import LetterState
from mailer.outbox.letters import LetterRow
from tests.faults.receiver import Seen, only
from tests.faults.stage import EVENT, HELD, Name

S = LetterState

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

    @property
    def holds(self) -> bool:
        return not self.broken


class _Account:
    """The sentences so far."""

    def __init__(self) -> None:
        self.broken: dict[str, list[str]] = {}

    def check(self, promise: str, wrong: Collection[object], what: str) -> int:
        if wrong:
            shown = ", ".join(map(str, sorted(map(str, wrong))[:5]))
            self.broken.setdefault(promise, []).append(f"{len(wrong)} {what}: {shown}")
        return len(wrong)


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
    account = _Account()
    rows, intents = _rows(database), _intents(database)
    names = {digest: name for name, digest in [*(former or {}).items(), *expected.items()]}
    kept: Counter[tuple[Name, str]] = Counter()
    strangers = []
    for each in only(seen, "kept"):
        name = names.get(each.content)
        if name is None or name[0] != each.reader:
            strangers.append(f"{each.reader} had {name[0] if name else 'unknown bytes'}")
        else:
            kept[name, each.content] += 1
    copies = Counter[Name]()
    for (name, _), count in kept.items():
        copies[name] += count
    dots = Counter(names[each.content] for each in only(seen, "dot") if each.content in names)

    doubled = [name for name, found in rows.items() if len(found) > 1]
    account.check("I1", expected.keys() ^ rows.keys(), "letters are missing, or nobody planned them")
    account.check("I1", doubled, "letters are there twice")
    state = {name: found[0].state for name, found in rows.items()}
    account.check("I1", [n for n, s in state.items() if s not in ACCOUNTED], "letters are still open")
    lost = account.check("I2", [n for n, s in state.items() if s is S.SENT and not copies[n]], "lost letters")
    may_have_come = {
        n for n, found in rows.items() if found[0].repeated_at or found[0].state in MAY_HAVE_COME
    }
    account.check("I2", copies.keys() - may_have_come, "letters arrived and are said not to have")
    twice = [name for name, count in copies.items() if name[1] in held and count > 1]
    account.check("I3", twice, "letters came twice that are held")
    often = [name for name, count in copies.items() if count > 2]
    account.check("I3", often, "letters came more than twice")
    altered = [n for n, c in copies.items() if c > 1 and max(k for (o, _), k in kept.items() if o == n) < c]
    account.check("I3", altered, "repeated letters were not the same byte for byte")
    integrity = _integrity(database)
    account.check("I4", [] if integrity == "ok" else [integrity], "complaint of the database")
    account.check("I5", strangers, "letters were another's")
    account.check("I6", [n for n, count in dots.items() if count > intents[n]], "dots came without an intent")
    return Findings(
        letters=len(expected),
        states=Counter(state.values()),
        lost=lost,
        held_twice=len(twice),
        repeated=sum(count == 2 and name[1] not in held for name, count in copies.items()),
        altered=len(altered) + len(often),
        strangers=len(strangers),
        is_sound=integrity == "ok",
        broken=account.broken,
    )


def _rows(database: Database) -> dict[Name, list[LetterRow]]:
    with database.reading() as transaction:
        rows = letters.search(transaction, EVENT.key, limit=1_000_000)
    found: dict[Name, list[LetterRow]] = {}
    for row in rows:
        found.setdefault((row.recipient.address, row.mailing), []).append(row)
    return found


_INTENTS = """
SELECT r.address_key, o.mailing, count(*) FROM letter_history h JOIN letter l ON l.id = h.letter_id
JOIN occasion o ON o.id = l.occasion_id JOIN recipient r ON r.id = l.recipient_id
WHERE h.happening = 'intended' GROUP BY 1, 2"""


def _intents(database: Database) -> Counter[Name]:
    with database.reading() as transaction:
        return Counter({(row[0], row[1]): row[2] for row in transaction.execute(text(_INTENTS))})


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
