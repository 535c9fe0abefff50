"""What needs a person besides letters and pauses: mails that wait for a decision, addresses that are wrong, rows of a
list that were refused while nobody has taken it over.

Letters by their state are counted in `standing`, pauses in `outlook`. It counts; it names nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mailer.outbox import incoming, troubles, uploads
from mailer.outbox.database import Database
from mailer.outbox.schema import IncomingState


@dataclass(frozen=True, kw_only=True)
class Attention:
    """`open` has, for each kind of mail, how many wait for a decision; `quarantined` could not be read."""

    open: Mapping[str, int] = field(default_factory=dict)
    quarantined: int = 0
    wrong_addresses: int = 0
    refused_rows: int = 0


def attention(database: Database, event: str, now: datetime) -> Attention:
    """What of an event's mails, addresses and lists needs a person at `now`."""
    with database.reading() as transaction:
        waiting = incoming.waiting(transaction, event)
        wrong = troubles.count_wrong(transaction, event)
        refused = sum(each.refused for each in uploads.unfinished(transaction, event, now))
    return Attention(
        open={kind: mails for (kind, state), mails in waiting.items() if state is IncomingState.OPEN},
        quarantined=sum(mails for (_, state), mails in waiting.items() if state is IncomingState.QUARANTINED),
        wrong_addresses=wrong,
        refused_rows=refused,
    )
