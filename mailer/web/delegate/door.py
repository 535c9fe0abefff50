"""Who stands behind a personal link. Whatever is wrong with one, the answer and the work are the same."""

from dataclasses import dataclass
from datetime import datetime

from fastapi import HTTPException, Request

from mailer.agenda.model import AgendaVersion, Event
from mailer.agenda.rules import EVENT
from mailer.composition.links import Links, Purpose
from mailer.outbox import agendas, ledger, people
from mailer.outbox.database import Transaction
from mailer.outbox.people import AnswerGiven
from mailer.outbox.schema import Answer
from mailer.planning.due import Member
from mailer.recipients.model import Recipient
from mailer.web.delegate.speech import Speech, speech_in
from mailer.web.office import Office

_NOBODY = "-" * 16


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """A person who came by a link of theirs, all they ever answered, and the agenda in force at their event."""

    member: Member
    version: AgendaVersion
    links: Links
    given: tuple[AnswerGiven, ...] = ()

    @property
    def event(self) -> Event:
        return self.version.event

    @property
    def recipient(self) -> Recipient:
        return self.member.recipient

    @property
    def answer(self) -> str | None:
        """Their last answer for the event."""
        return self.member.answers.get(EVENT)

    @property
    def answered_at(self) -> datetime | None:
        """When they gave it."""
        return next((each.at for each in reversed(self.given) if each.anchor == EVENT), None)

    @property
    def changed_at(self) -> datetime:
        """When the agenda or one of their answers last changed."""
        return max([self.version.published_at, *(each.at for each in self.given)])

    @property
    def timezone(self) -> str:
        """The one they are told hours in: theirs, or the venue's."""
        return self.recipient.timezone or self.event.timezone

    @property
    def speech(self) -> Speech:
        """What the pages say to them."""
        return speech_in(self.recipient.language, self.event.language)


def visitor(office: Office, purpose: Purpose, token: str) -> Visitor:
    """Whom a token names.

    Raises:
        HTTPException: 404 for a token that is not genuine, is for another purpose, or names somebody who is
            no longer asked, or did before it was revoked. The same two look-ups are made for each.
    """
    handle = office.sender.signer.handle_of(purpose, token)
    with office.database.reading() as transaction:
        found = people.member_by_handle(transaction, handle or _NOBODY)
        version = agendas.latest(transaction, found[0] if found else office.event)
        given = people.answers(transaction, found[1].id) if found else []
    if handle is None or found is None or version is None:
        raise HTTPException(404)
    anchors = (EVENT, *(session.key for session in version.event.sessions))
    links = office.sender.signer.links(office.sender.base_url, handle, anchors)
    return Visitor(member=found[1], version=version, links=links, given=tuple(given))


def keep_answer(
    transaction: Transaction, came: Visitor, anchor: str, answer: Answer, now: datetime, comment: str = ""
) -> bool:
    """Add to a visitor's answers, for the event or a session, unless it is their last one already."""
    told = ledger.sequence_told(transaction, came.member.id, anchor)
    return people.record_answer(
        transaction, came.member.id, anchor, answer, now, ledger.FROM_THE_PAGE,
        sequence=max(told, came.version.sequences.get(anchor, 0)), comment=comment,
    )  # fmt: skip


def is_from_our_page(request: Request) -> bool:
    """Whether a form was sent from the page it stands on (Fetch Metadata: Sec-Fetch-Site; else Origin).

    Our pages send no referrer, so that older browsers say `Origin: null`; whoever forged that would still
    have to know the link, and could then do without.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site == "same-origin"
    if origin is None or origin == "null":
        return True
    return origin.partition("://")[2] == request.headers.get("host")
