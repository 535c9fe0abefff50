"""What the tests of the desk and its carriers begin with: a published event, its letters, a place to send to."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from sqlalchemy import event as listening

from mailer.composition import wording
from mailer.composition.composing import Sender
from mailer.composition.links import Signer
from mailer.delivery.oauth import TokenSource
from mailer.delivery.profiles import OWN, adjusted
from mailer.delivery.relay import Relay
from mailer.dispatch.crew import Hired, InAThread
from mailer.dispatch.desk import Desk
from mailer.dispatch.orders import Route
from mailer.outbox import letters
from mailer.outbox.database import Database
from mailer.outbox.letter import LetterState
from mailer.outbox.letters import LetterRow
from mailer.recipients.model import Recipient
from mailer.service import Service
from mailer.settings import ROOT
from tests.conference import EVENT, PRACTITIONER, PUBLISHED_AT

TEXTS = wording.load(ROOT / "templates")
SENDER = Sender(signer=Signer(b"k" * 32), base_url="https://conference.example")


def crowd(count: int, domain: str = "prosecution.example") -> tuple[Recipient, ...]:
    """People who differ in their names and addresses."""
    return tuple(
        PRACTITIONER.model_copy(update={"address": f"p{n}@{domain}", "family_name": f"Novák {n}"})
        for n in range(count)
    )


def written(database: Database, count: int) -> Service:
    """A service whose event has `count` invitations to send."""
    return written_to(database, crowd(count))


def written_to(database: Database, people: tuple[Recipient, ...]) -> Service:
    """A service whose event has an invitation to send to each of them, in this order."""
    service = Service(database=database, event=EVENT.key, sender=SENDER, texts=TEXTS)
    event = EVENT.model_copy(update={"mailings": EVENT.mailings[:1]})
    service.publish(event, people, PUBLISHED_AT)
    service.plan(PUBLISHED_AT)
    return service


def over(relay: Relay, lines: int) -> Relay:
    return replace(relay, profile=adjusted(OWN, connections=lines))


@contextmanager
def desk_of(
    service: Service,
    relay: Relay,
    *,
    hire: Callable[[Route], Hired] = InAThread,
    carriers: int = 1,
    clock: Callable[[], datetime] = lambda: PUBLISHED_AT,
    tokens: TokenSource | None = None,
) -> Iterator[Desk]:
    desk = service.desk(relay, clock, hire, carriers=carriers, tokens=tokens)
    try:
        yield desk
    finally:
        desk.close()


def rows(service: Service, state: LetterState | None = None) -> Sequence[LetterRow]:
    with service.database.reading() as transaction:
        return letters.search(transaction, EVENT.key, state=state, limit=100_000)


@contextmanager
def counted_commits(database: Database) -> Iterator[list[int]]:
    """How many transactions are committed meanwhile, in a list of one."""
    count = [0]

    def add(_: object) -> None:
        count[0] += 1

    listening.listen(database.engine, "commit", add)
    try:
        yield count
    finally:
        listening.remove(database.engine, "commit", add)
