"""Which sessions a person chose, by the list or on their page, and what may be chosen. It keeps nothing."""

from collections.abc import Mapping
from datetime import datetime

from mailer.agenda.model import Event, Session, SessionKind
from mailer.composition.placeholders import takes_part
from mailer.recipients.model import Recipient


def chosen(event: Event, recipient: Recipient, answers: Mapping[str, str]) -> frozenset[str]:
    """The sessions somebody takes part in: what they last answered for each, and else what the list says."""
    return frozenset(each.key for each in event.sessions if takes_part(each.key, recipient, answers))


def is_a_choice(session: Session) -> bool:
    """Whether one chooses it: nobody chooses a break, or the opening."""
    return session.kind is SessionKind.SESSION


def has_begun(session: Session, now: datetime) -> bool:
    return now >= session.starts_at
