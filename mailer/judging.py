"""What follows from a mail that came in: whether an answer counts, what a report does to an address, who is to look.

Pure functions of what the mail says and of what the ledger holds; `collecting` does as they say. Nothing that comes
without proof changes anything: an answer proves itself by an entry's UID, a report by a letter's return path.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from mailer.inbox import bounces
from mailer.inbox.bounces import Report, Severity
from mailer.inbox.replies import Reply
from mailer.inbox.sorting import Kind, Mail, heard
from mailer.outbox.incoming import Held, Incoming, Reader
from mailer.outbox.schema import Answer, IncomingState, Trouble

ANSWERS = {
    "ACCEPTED": Answer.ACCEPTED,
    "TENTATIVE": Answer.TENTATIVE,
    "DECLINED": Answer.DECLINED,
    "DELEGATED": Answer.DELEGATED,
}
"""What a PARTSTAT (RFC 5545 3.2.12) is in our words; any other is no answer."""

OUR_UID = re.compile(r"[0-9a-f]{32}@.+", re.DOTALL)
"""The form of the UIDs we give."""

EARLIER = "answered an earlier version"


@dataclass(frozen=True, kw_only=True)
class Answerer:
    """Who answers people's questions: whoever is `named`, or else the organiser, but for the `accounts` that are read:
    what comes there has come to them already. Of an account that is no address nobody knows whose it is.
    """

    named: str = ""
    accounts: tuple[str, ...] = ()

    def address(self, organiser: str) -> str:
        """Whom questions are forwarded to; nothing where nobody is."""
        if self.named or not self.accounts:
            return self.named
        reads = any("@" not in account or is_same(account, organiser) for account in self.accounts)
        return "" if reads else organiser


@dataclass(frozen=True, kw_only=True)
class Given:
    """An answer to be recorded; `is_current` unless it answers an earlier version of the entry."""

    recipient_id: int
    anchor: str
    answer: Answer
    at: datetime
    sequence: int
    comment: str
    is_current: bool


@dataclass(frozen=True, kw_only=True)
class Noted:
    """Trouble with an address to be noted."""

    recipient_id: int
    trouble: Trouble
    status: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What becomes of a mail, in words for the organiser, and what follows from it."""

    state: IncomingState
    outcome: str
    recipient_id: int | None = None
    answer: Given | None = None
    trouble: Noted | None = None
    unsubscribes: bool = False
    is_question: bool = False


def judge(
    mail: Mail, *, held: Held | None, reader: Reader | None, known: Reader | None, at: datetime
) -> Judgement:
    """What follows from a mail that came `at` some moment.

    Args:
        held: the entry that it answers.
        reader: whose letter's genuine sign it bears.
        known: who on the list has the address it is from, or speaks of; that proves nothing.
    """
    match mail.kind:
        case Kind.ANSWER:
            return judge_answer(mail.reply or Reply(trouble="it says nothing"), held, known, at)
        case Kind.BOUNCE:
            return judge_report(mail.reports, reader, known)
        case Kind.UNSUBSCRIBE if reader:
            return Judgement(
                state=IncomingState.SORTED,
                outcome="unsubscribed",
                recipient_id=reader.recipient_id,
                unsubscribes=True,
            )
        case Kind.UNSUBSCRIBE:
            outcome = "it asks for no more letters, and bears no sign of ours"
        case Kind.QUESTION:
            outcome = "a person wrote it"
            return Judgement(
                state=IncomingState.SORTED,
                outcome=outcome,
                recipient_id=_id(reader or known),
                is_question=True,
            )
        case Kind.OUT_OF_OFFICE | Kind.AUTOMATIC:
            return Judgement(state=IncomingState.SORTED, outcome=mail.why, recipient_id=_id(reader or known))
        case _:
            outcome = mail.why
    return Judgement(state=IncomingState.OPEN, outcome=outcome, recipient_id=_id(reader or known))


def judge_answer(reply: Reply, held: Held | None, known: Reader | None, at: datetime) -> Judgement:
    """Whether an answer counts, for whom, and what a person is to look at (RFC 5546 3.2.3, 3.2.7).

    The SEQUENCE that was last sent, or a higher one, is the present version.
    """
    if why := _obstacle(reply, held):
        whose = held.reader if held else known
        return Judgement(state=IncomingState.OPEN, outcome=why, recipient_id=_id(whose))
    assert held  # noqa: S101 - without an entry there is an obstacle
    given = Given(
        recipient_id=held.reader.recipient_id,
        anchor=held.anchor,
        answer=ANSWERS[reply.partstat],
        at=_given_at(reply, held.reader, at),
        sequence=min(reply.sequence, held.sequence_sent),
        comment=reply.comment,
        is_current=reply.sequence >= held.sequence_sent,
    )
    state, outcome = IncomingState.SORTED, given.answer.value
    if given.answer is Answer.DELEGATED:
        state = IncomingState.OPEN
        outcome = (
            f"delegated to {reply.delegated_to}" if reply.delegated_to else "delegated, to nobody it names"
        )
    if not given.is_current:
        state, outcome = IncomingState.SORTED, f"{outcome}: {EARLIER}"
    return Judgement(state=state, outcome=outcome, recipient_id=held.reader.recipient_id, answer=given)


def _given_at(reply: Reply, reader: Reader, came_at: datetime) -> datetime:
    """When an answer was given: its DTSTAMP, or when the mail came, where that is a wrong clock's. One ahead of us
    would outlive every later answer, and every other would outlive one from before its reader was asked.
    """
    stamp = reply.stamped_at
    return stamp if stamp and reader.joined_at <= stamp <= came_at else came_at


def _obstacle(reply: Reply, held: Held | None) -> str:
    """Why a person is to decide about an answer; nothing where it can be recorded."""
    if reply.trouble:
        return reply.trouble
    if held is None:
        return "it answers an entry that nobody here has"
    if not is_same(reply.attendee, held.reader.address):
        return "somebody answers for an entry that is another's"
    if reply.method == "COUNTER":
        return "it proposes another time"
    if reply.partstat not in ANSWERS:
        return "it neither accepts nor declines"
    return ""


def is_ours(mail: Mail, sender: str) -> bool:
    """Whether we wrote it ourselves: a copy of a letter, or of a question that was passed on."""
    return (
        mail.kind in {Kind.QUESTION, Kind.UNKNOWN, Kind.AUTOMATIC}
        and bool(sender)
        and is_same(mail.sender, sender)
    )


def is_same(one: str, other: str) -> bool:
    """Whether two addresses are the same, whatever their case and however their domain is written (RFC 5890)."""
    return _ascii(one) == _ascii(other)


def _ascii(address: str) -> str:
    local, _, domain = address.strip().lower().rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return f"{local}@{domain}"


def judge_report(reports: tuple[Report, ...], reader: Reader | None, known: Reader | None) -> Judgement:
    """What a delivery report does: with a letter's sign it is noted at its reader's address, else a person may look."""
    if reader is None:
        if known is None:
            return Judgement(
                state=IncomingState.SORTED,
                outcome="a report of a letter that is not ours; nothing was changed",
            )
        return Judgement(
            state=IncomingState.OPEN,
            outcome="a report that bears no sign of ours: it may be forged, and nothing was changed",
            recipient_id=known.recipient_id,
        )
    whose = reader.recipient_id
    report = bounces.about(reports, reader.address)
    if report is None:
        outcome = "a report that does not say whom it is about; nothing was changed"
        return Judgement(state=IncomingState.OPEN, outcome=outcome, recipient_id=whose)
    if report.severity is Severity.NONE:
        return Judgement(state=IncomingState.SORTED, outcome=f"reported {report.action}", recipient_id=whose)
    return Judgement(
        state=IncomingState.SORTED,
        outcome="the address is wrong" if report.severity is Severity.HARD else "the address has trouble",
        recipient_id=whose,
        trouble=noted(report, whose),
    )


def noted(report: Report, recipient_id: int, trouble: Trouble | None = None) -> Noted:
    """A report as it is noted at an address."""
    return Noted(
        recipient_id=recipient_id,
        trouble=trouble or Trouble(report.severity.value),
        status=report.status,
        words=report.words,
    )


def _id(reader: Reader | None) -> int | None:
    return reader.recipient_id if reader else None


def accepted_as(mail: Incoming, reader: Reader, held: Held | None) -> Given | None:
    """The answer that a person takes for this reader's: to the entry it names, or else to the event as a whole."""
    reply = heard(dict(mail.said)).reply if mail.said and mail.kind == Kind.ANSWER else None
    if reply is None or reply.partstat not in ANSWERS:
        return None
    return Given(
        recipient_id=reader.recipient_id,
        anchor=held.anchor if held else "event",
        answer=ANSWERS[reply.partstat],
        at=_given_at(reply, reader, mail.received_at),
        sequence=min(reply.sequence, held.sequence_sent) if held else 0,
        comment=reply.comment,
        is_current=True,
    )


def reported_as(mail: Incoming, reader: Reader) -> Noted | None:
    """The trouble that a person takes for this reader's address."""
    if mail.kind != Kind.BOUNCE:
        return None
    reports = heard(dict(mail.said)).reports
    report = bounces.about(reports, reader.address) or next(iter(reports), Report())
    return None if report.severity is Severity.NONE else noted(report, reader.recipient_id)
