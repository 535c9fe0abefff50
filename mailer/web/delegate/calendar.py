"""Files for "add to calendar": the same entries that letters carry, asking nobody (RFC 5546 3.2.1)."""

from collections.abc import Callable
from dataclasses import replace

from mailer.agenda.model import CalendarPart
from mailer.agenda.rules import EVENT
from mailer.composition import ical
from mailer.composition.composing import Sender
from mailer.composition.invitation import CalendarMessage, Method, calendar_message, entry_for
from mailer.web.delegate.door import Visitor


def entry_of(came: Visitor, sender: Sender, anchor: str) -> bytes:
    """One entry, of `event` or a session's key. Raises KeyError for any other anchor."""
    entry = entry_for(
        version=came.version,
        anchor=anchor,
        recipient=came.recipient,
        uid_for=_uid_for(came, sender),
        links=came.links,
    )
    return ical.write(CalendarMessage(method=Method.PUBLISH, entries=(replace(entry, attendee=None),)))


def agenda_of(came: Visitor, sender: Sender) -> bytes:
    """Every session, each as an entry of its own."""
    message = calendar_message(
        version=came.version,
        part=CalendarPart.SESSIONS,
        anchor=EVENT,
        recipient=came.recipient,
        uid_for=_uid_for(came, sender),
        links=came.links,
    )
    assert message is not None  # noqa: S101 - sessions are never nothing
    return ical.write(message)


def _uid_for(came: Visitor, sender: Sender) -> Callable[[str], str]:
    """The UIDs of the letters, so that a calendar holds each entry once."""
    event = came.event
    domain = event.organiser.address.rpartition("@")[2]
    return lambda anchor: sender.signer.uid(event.key, anchor, came.recipient.address, domain)
