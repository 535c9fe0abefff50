"""What people chose for themselves on their page: language and time zone. Who they are is in `people`.

A choice stands above what a list says, and no later list undoes it. Every function works in its caller's transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from mailer.outbox.database import insert
from mailer.outbox.schema import preference, recipient
from mailer.recipients.model import Recipient


@dataclass(frozen=True, kw_only=True)
class Preference:
    """A lower-case BCP 47 language and an IANA time zone; None for what was not chosen."""

    language: str | None = None
    timezone: str | None = None

    def __bool__(self) -> bool:
        return bool(self._chosen)

    @property
    def _chosen(self) -> dict[str, str]:
        both = {"language": self.language, "timezone": self.timezone}
        return {name: value for name, value in both.items() if value}

    def applied(self, said: Recipient) -> Recipient:
        """Somebody as a list has them, with what they chose in its place."""
        return said.model_copy(update=self._chosen)


def keep(c: Connection, recipient_id: int, chosen: Preference, at: datetime) -> None:
    """Add this to what somebody chose before. That their letters follow is seen to in `people.prefer`."""
    values = {"language": chosen.language, "timezone": chosen.timezone, "at": at}
    adding = insert(c, preference).values(recipient_id=recipient_id, **values)
    newer = {name: func.coalesce(adding.excluded[name], preference.c[name]) for name in values}
    c.execute(adding.on_conflict_do_update(index_elements=["recipient_id"], set_=newer))


def chosen_by(c: Connection, recipient_id: int) -> Preference:
    """What one person chose."""
    query = select(preference.c.language, preference.c.timezone).where(
        preference.c.recipient_id == recipient_id
    )
    row = c.execute(query).one_or_none()
    return Preference(language=row.language, timezone=row.timezone) if row else Preference()


def as_preferred(c: Connection, event: str, listed: Sequence[Recipient]) -> list[Recipient]:
    """People as a list has them, each with what they chose themselves."""
    query = select(recipient.c.address_key, preference.c.language, preference.c.timezone)
    query = query.join(preference, preference.c.recipient_id == recipient.c.id).where(
        recipient.c.event == event
    )
    chosen = {
        row.address_key: Preference(language=row.language, timezone=row.timezone) for row in c.execute(query)
    }
    return [chosen[key].applied(each) if (key := each.address.lower()) in chosen else each for each in listed]
