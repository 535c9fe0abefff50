"""Calendar files of a page: entries to add, and calendars to subscribe to. They ask nobody (RFC 5546 3.2.1).

Which entries they hold is decided here, by the agenda and by what a person chose; what an entry says is composition's.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime

from fastapi import Request
from fastapi.responses import Response

from mailer.agenda.model import AgendaVersion, CalendarPart
from mailer.agenda.rules import EVENT
from mailer.composition import ical
from mailer.composition.composing import Sender
from mailer.composition.invitation import (
    CalendarMessage,
    Entry,
    Method,
    calendar_message,
    entry_for,
    published_entry,
)
from mailer.web.delegate.chosen import chosen
from mailer.web.delegate.door import Visitor

MEDIA_TYPE = "text/calendar; charset=utf-8"

NOBODY = ""
"""The address that public entries are named after: they have UIDs of their own, which tell nothing of anybody's."""


def entry_of(came: Visitor, sender: Sender, anchor: str) -> bytes:
    """One entry, of `event` or a session's key. Raises KeyError for any other anchor."""
    entry = entry_for(
        version=came.version,
        anchor=anchor,
        recipient=came.recipient,
        uid_for=_uid_for(came.version, sender, came.recipient.address),
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
        uid_for=_uid_for(came.version, sender, came.recipient.address),
        links=came.links,
    )
    assert message is not None  # noqa: S101 - sessions are never nothing
    return ical.write(message)


def feed_of(came: Visitor, sender: Sender) -> bytes:
    """A person's own calendar: the conference and the sessions they chose. Whoever does not come is left free by it."""
    theirs = chosen(came.event, came.recipient, came.member.answers)
    stays_away = came.answer in {"declined", "delegated"}
    anchors = [EVENT, *(each.key for each in came.event.sessions if each.key in theirs and not stays_away)]
    entries = _entries(came.version, sender, came.recipient.address, anchors, page="")
    if stays_away:
        entries = tuple(replace(entry, transparent=True) for entry in entries)
    return ical.write(CalendarMessage(method=Method.PUBLISH, entries=entries, name=came.event.title))


def public_entries(version: AgendaVersion, sender: Sender, anchors: Iterable[str], page: str) -> bytes:
    """Entries as anybody may have them."""
    entries = _entries(version, sender, NOBODY, anchors, page)
    return ical.write(CalendarMessage(method=Method.PUBLISH, entries=entries))


def public_feed(version: AgendaVersion, sender: Sender, page: str) -> bytes:
    """The whole agenda to subscribe to."""
    anchors = [session.key for session in version.event.sessions]
    entries = _entries(version, sender, NOBODY, anchors, page)
    return ical.write(CalendarMessage(method=Method.PUBLISH, entries=entries, name=version.event.title))


def _entries(
    version: AgendaVersion, sender: Sender, address: str, anchors: Iterable[str], page: str
) -> tuple[Entry, ...]:
    uid_for = _uid_for(version, sender, address)
    return tuple(
        published_entry(version=version, anchor=anchor, uid=uid_for(anchor), page=page) for anchor in anchors
    )


def _uid_for(version: AgendaVersion, sender: Sender, address: str) -> Callable[[str], str]:
    """The UIDs of the letters, so that a calendar holds each entry once."""
    event = version.event
    domain = event.organiser.address.rpartition("@")[2]
    return lambda anchor: sender.signer.uid(event.key, anchor, address, domain)


def answered(request: Request, content: bytes, changed_at: datetime, headers: Mapping[str, str]) -> Response:
    """A calendar for a program that comes again and again: 304 where it has these bytes (RFC 9110 13.1.2, 15.4.5)."""
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    bears = {
        **headers,
        "ETag": etag,
        "Last-Modified": format_datetime(changed_at.astimezone(UTC), usegmt=True),
    }
    if _has(request.headers.get("if-none-match", ""), etag):
        return Response(status_code=304, headers=bears)
    return Response(content, media_type=MEDIA_TYPE, headers=bears)


def _has(if_none_match: str, etag: str) -> bool:
    known = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return etag in known or "*" in known
