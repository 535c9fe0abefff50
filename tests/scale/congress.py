"""The congress that the pages are asked about: its days and sessions, and whoever comes. Values, always the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import overload

from benchmarks import crowd
from mailer.agenda.model import (
    Approval,
    Attachment,
    CalendarPart,
    Event,
    Mailing,
    MailingKind,
    Organiser,
    Session,
    SessionKind,
    Venue,
)
from mailer.recipients.model import Recipient, Role

PUBLISHED_AT = datetime(2027, 1, 11, 8, 0, tzinfo=UTC)
NOW = datetime(2027, 2, 24, 18, 0, tzinfo=UTC)
"""The invitations and the agenda have left in every time zone."""

KEY = "congress"
PROGRAMME = "programme"
"""The tag of those few whose calendars hold every session by itself."""

MOST_IN_PROGRAMME = 100
_MORNING = datetime(2027, 3, 10, 8, 0, tzinfo=UTC)
_BESIDE = 8
"""Sessions at one hour."""

_LANGUAGES = (None, "en", "fr", "ar", None)
_SUBJECTS = (
    "Evidence that lies abroad", "Training that lasts", "Encryption and the courts", "What the victims say",
    "Ransomware in hospitals", "Artificial intelligence and proof", "A laboratory for small States",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything there is. `tray` counts letters in the tray, `deeds` rows of the audit."""

    people: int
    sessions: int
    days: int = 5
    mails: int = 0
    versions: int = 3
    tray: int = 0
    deeds: int = 0


def event(size: Size) -> Event:
    """So many sessions over some days, eight at an hour, and a mailing of every kind."""
    return Event(
        key=KEY,
        title="World Congress on Cybercrime",
        summary="What training has achieved so far, and what comes next.",
        language="en",
        timezone="Europe/Vienna",
        venue=Venue(name="Congress Centre", room="Great Hall", street="Minoritenplatz 9", city="1010 Vienna"),
        organiser=Organiser(name="Conference Secretariat", address="secretariat@conference.example"),
        sessions=tuple(sorted(_sessions(size), key=lambda each: (each.starts_at, each.key))),
        mailings=MAILINGS,
        public=True,
        approval=Approval.ONE,
    )


def _sessions(size: Size) -> Iterator[Session]:
    a_day = -(-size.sessions // size.days)
    for number in range(size.sessions):
        day, on_day = divmod(number, a_day)
        starts_at = _MORNING + timedelta(days=day, minutes=40 * (on_day // _BESIDE))
        yield Session(
            key=f"session-{number}",
            kind=SessionKind.BREAK if number % 50 == 49 else SessionKind.SESSION,
            title=f"{_SUBJECTS[number % len(_SUBJECTS)]}, part {number}",
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=30),
            room=f"Hall {number % _BESIDE + 1}",
            chair="Dr Ana Novak",
            speakers=("Marek Berg", "Prof. Zoë Dubois"),
            points=("What has been tried in the last five years", "What is to be done together"),
        )


def _mailing(key: str, kind: MailingKind, title: str, audience: str, when: str, until: str,  # noqa: PLR0917 - a table
             calendar: CalendarPart = CalendarPart.NONE, files: tuple[Attachment, ...] = ()) -> Mailing:  # fmt: skip
    return Mailing(
        key=key, kind=kind, title=title, audience=audience, when=when, useful_until=until, calendar=calendar,
        attachments=files,
    )  # fmt: skip


CONTENT = b"%PDF-1.7\n% What the congress has said.\n"
ATTACHED = Attachment(
    file="report.pdf", media_type="application/pdf", size=len(CONTENT), digest=sha256(CONTENT).hexdigest()
)

_FORTNIGHT = "14 days before the event starts, at 09:00 recipient time, weekdays only"
MAILINGS = (
    _mailing("invitation", MailingKind.INVITATION, "Invitation", "everyone", "3 seconds after publication",
             "the event starts", CalendarPart.EVENT),
    _mailing("agenda", MailingKind.AGENDA, "The agenda", "not answer = declined", _FORTNIGHT, "the event starts"),
    _mailing("programme", MailingKind.AGENDA, "The whole programme", f"tag = {PROGRAMME}", _FORTNIGHT,
             "the event starts", CalendarPart.SESSIONS),
    _mailing("answer-reminder", MailingKind.REMINDER, "Reminder to those who have not answered", "answer = none",
             "10 days before the event starts, at 09:00, weekdays only", "3 days before the event starts, at 18:00"),
    _mailing("session-reminder", MailingKind.SESSION_REMINDER, "Reminder before each session",
             "chose this session and not answer = declined", "15 minutes before each session starts",
             "each session starts"),
    _mailing("report", MailingKind.REPORT, "The report", "not answer = declined",
             "14 days after the event ends, at 10:00, weekdays only", "90 days after the event ends",
             files=(ATTACHED,)),
)  # fmt: skip


class People(Sequence[Recipient]):
    """`size.people` people, made as they are asked for; each has chosen three sessions."""

    def __init__(self, size: Size, numbers: range | None = None) -> None:
        self._size = size
        self._numbers = range(size.people) if numbers is None else numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Recipient: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Recipient]: ...
    def __getitem__(self, index: int | slice) -> Recipient | Sequence[Recipient]:
        if isinstance(index, slice):
            return People(self._size, self._numbers[index])
        return person(self._size, self._numbers[index])


def person(size: Size, number: int) -> Recipient:
    who = crowd.person(number)
    is_in_programme = number % max(1, size.people // MOST_IN_PROGRAMME) == 0
    return Recipient(
        address=who.address, given_name=who.given_name, family_name=who.family_name, title=who.title,
        role=Role(who.role), state=who.state, institution=who.institution, timezone=who.timezone,
        language=_LANGUAGES[number % len(_LANGUAGES)],
        tags=(PROGRAMME,) if is_in_programme else (),
        sessions=tuple(f"session-{(number * 7 + step) % size.sessions}" for step in range(3)),
    )  # fmt: skip
