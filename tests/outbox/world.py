"""What the tests of the store begin with: people, a wording, an occasion and its letters."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, event, func, select, update

from mailer.outbox import agendas, claims, occasions, people, schema
from mailer.outbox.claimed import Change, ClaimedLetter, SentEntry
from mailer.outbox.database import Database
from mailer.outbox.letter import OWNED, Happening, LetterState
from mailer.outbox.occasions import NewLetter
from mailer.planning.due import Occasion
from mailer.recipients.model import Recipient, Role

EVENT = "cybercrime-2027"
DUE = datetime(2027, 3, 10, 8, 0, tzinfo=UTC)
NOW = DUE + timedelta(minutes=1)
USEFUL_UNTIL = DUE + timedelta(hours=3)
LEASE = timedelta(seconds=60)
WORDING = "0" * 64
DIGEST = "a" * 64

REMINDER = Occasion(due_at=DUE, mailing="session-reminder", anchor="session-1", useful_until=USEFUL_UNTIL)


def later(**after: float) -> datetime:
    return NOW + timedelta(**after)


def person(number: int, **facts: str) -> Recipient:
    given = {"given_name": "Ana", "family_name": f"Novak {number}", "role": Role.PRACTITIONER} | facts
    return Recipient.model_validate({"address": f"p{number:06}@prosecution.example"} | given)


def handle_of(address: str) -> str:
    return f"h-{address}"


def list_people(c: Connection, count: int, event_key: str = EVENT) -> list[int]:
    """Put `count` people on the list; their ids in order."""
    people.save_roster(
        c,
        event_key,
        [person(number) for number in range(count)],
        NOW,
        lambda address: f"{event_key}/{address}",
    )
    return [member.id for member in people.roster(c, event_key)]


def sent(anchor: str, uid: str, sequence: int, *, asked: bool = True, cancelled: bool = False) -> SentEntry:
    """An entry as a letter carried it."""
    return anchor, uid, sequence, asked, cancelled, DUE


def new_letter(member_id: int, state: LetterState = LetterState.WAITING, reason: str = "") -> NewLetter:
    return NewLetter(
        member_id=member_id, version=1, wording=WORDING, dated_at=DUE, state=state, reason=reason
    )


def write_letters(c: Connection, ids: Sequence[int], due: Occasion = REMINDER, event_key: str = EVENT) -> int:
    """Open the occasion with a letter for each; its id."""
    agendas.keep_wording(c, WORDING, {"text": "Dear {{ name }}"})
    occasion_id = occasions.open_occasion(c, event_key, due, NOW)
    occasions.add_letters(c, occasion_id, map(new_letter, ids))
    return occasion_id


def begin(database: Database, count: int) -> int:
    """`count` people with a waiting letter each; the occasion's id."""
    with database.writing() as c:
        return write_letters(c, list_people(c, count))


def claim(
    database: Database, limit: int = 100, owner: str = "one", now: datetime = NOW
) -> list[ClaimedLetter]:
    with database.writing() as c:
        return claims.claim(c, owner, now, limit, LEASE)


def told(claimed: ClaimedLetter, happening: Happening, **facts: Any) -> Change:
    return Change(letter=claimed, happening=happening, **facts)


def tell(database: Database, *changes: Change, now: datetime = NOW) -> list[int]:
    with database.writing() as c:
        return [each.letter.id for each in claims.happen(c, changes, now)]


def states(database: Database) -> dict[int, LetterState]:
    with database.reading() as c:
        query = select(schema.letter.c.id, schema.letter.c.state).order_by(schema.letter.c.id)
        return {row.id: row.state for row in c.execute(query)}


def how_many(database: Database) -> int:
    with database.reading() as c:
        return c.scalar(select(func.count()).select_from(schema.letter)) or 0


def put_into(c: Connection, letter_id: int, state: LetterState) -> None:
    """As if it had come there by itself; owned where that state is."""
    owned = state in OWNED
    facts = {"owner": "one" if owned else None, "lease_until": NOW + LEASE if owned else None}
    c.execute(
        update(schema.letter).where(schema.letter.c.id == letter_id).values(state=state, fence=1, **facts)
    )


def statements(database: Database, act: Callable[[Connection], object]) -> int:
    """How many statements go to the database while `act` runs in a transaction."""
    seen: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    with database.writing() as c:
        event.listen(database.engine, "before_cursor_execute", note)
        try:
            act(c)
        finally:
            event.remove(database.engine, "before_cursor_execute", note)
    return len(seen)
