"""`/api/status`: the timetable for machines. Counters only; it names nobody."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from fastapi import APIRouter, HTTPException
from pydantic import AwareDatetime, BaseModel

from mailer.outbox.letter import LetterState
from mailer.outbox.pauses import EVERYTHING
from mailer.outbox.schema import PausedBy
from mailer.outlook import Outlook, outlook
from mailer.standing import MailingStanding, OccasionStanding, Stage, Standing, standing
from mailer.web.api.routes import REFUSALS, TOKEN
from mailer.web.office import Office
from mailer.web.organiser import counting

S = LetterState


class EventStatus(BaseModel):
    """The event as it is published. `timezone` is the venue's."""

    key: str
    title: str
    timezone: str
    starts: AwareDatetime
    ends: AwareDatetime
    version: int
    published: AwareDatetime


class Counts(BaseModel):
    """`letters` are written down and in exactly one of the states that follow; `expected` are those to come.

    `waiting` are about to leave or leaving.
    """

    letters: int
    expected: int
    sent: int
    failed: int
    in_doubt: int
    deferred: int
    waiting: int
    suppressed: int
    withdrawn: int
    missed: int


class OccasionStatus(Counts):
    """`anchor` is `event` or a session's key."""

    anchor: str
    due: AwareDatetime
    useful_until: AwareDatetime
    stage: Stage


class MailingStatus(Counts):
    """`due` is the next occasion's that is not over, or the last one's. `ends` is when what is leaving will be
    through. Of many occasions, the interface tells those around now.
    """

    mailing: str
    title: str
    kind: str
    due: AwareDatetime
    stage: Stage
    paused: bool
    ends: AwareDatetime | None
    occasions: list[OccasionStatus]
    occasions_in_all: int


class Totals(Counts):
    """All mailings together, and whom they are for. `answers` counts the last answers for the event."""

    recipients: int
    unsubscribed: int
    answers: dict[str, int]


class PauseStatus(BaseModel):
    """What is held back: a mailing, or everything. `content` and `auth` are alerts, for the mail server caused them."""

    mailing: str | None
    caused_by: PausedBy
    since: AwareDatetime
    reason: str


class UnapprovedStatus(BaseModel):
    """A mailing that fell due and waits to be approved; `letters` it has or would bring."""

    mailing: str
    since: AwareDatetime
    letters: int


class SlowdownStatus(BaseModel):
    """A mail server that asked for fewer letters, and how many it is given."""

    relay: str
    per_minute: float
    since: AwareDatetime
    reason: str


class Delayed(BaseModel):
    """Letters that have been put off for so long or longer, and wait to be tried again."""

    over_4_hours: int
    over_24_hours: int


class Status(BaseModel):
    """`counting`: a long list is being counted for the first time, and every `expected` is still 0. `held` are letters
    that wait because the address they go to was reported as wrong.
    """

    event: EventStatus
    now: AwareDatetime
    counting: bool
    paused: list[PauseStatus]
    unapproved: list[UnapprovedStatus]
    slowed: list[SlowdownStatus]
    delayed: Delayed
    held: int
    mailings: list[MailingStatus]
    totals: Totals


def routes(office: Office) -> APIRouter:
    router = APIRouter(responses={**REFUSALS}, dependencies=[TOKEN])

    @router.get("/api/status")
    def status() -> Status:
        """Where every mailing stands."""
        now = office.clock()
        found = standing(office.database, office.event, now, in_full=False)
        if found is None:
            raise HTTPException(404, "nothing is published yet")
        looks = outlook(office.database, office.profile, found, now)
        return status_of(found, looks, now, most_occasions=MOST_OCCASIONS)

    return router


MOST_OCCASIONS = 50
"""Of each mailing: a reminder before each of hundreds of sessions has as many."""

_BEFORE_NOW = 10


def status_of(found: Standing, looks: Outlook, now: datetime, *, most_occasions: int | None = None) -> Status:
    """A standing as machines read it, here and, with all occasions, from `convenor status --json`."""
    event = found.version.event
    all_counts: Counter[LetterState] = sum((Counter(m.counts) for m in found.mailings), Counter())
    return Status(
        event=EventStatus(
            key=event.key,
            title=event.title,
            timezone=event.timezone,
            starts=event.starts_at,
            ends=event.ends_at,
            version=found.version.number,
            published=found.version.published_at,
        ),
        now=now,
        counting=not found.is_foretold,
        paused=[
            PauseStatus(
                mailing=None if each.mailing == EVERYTHING else each.mailing,
                caused_by=each.caused_by,
                since=each.paused_at,
                reason=each.reason,
            )
            for each in looks.pauses
        ],
        unapproved=[
            UnapprovedStatus(mailing=each.mailing, since=each.fell_due_at, letters=each.letters)
            for each in looks.unapproved
        ],
        slowed=[
            SlowdownStatus(
                relay=each.relay, per_minute=each.per_minute, since=each.noted_at, reason=each.reason
            )
            for each in looks.slowdowns
        ],
        delayed=Delayed(over_4_hours=looks.put_off[0], over_24_hours=looks.put_off[1]),
        held=looks.held,
        mailings=[_mailing(mailing, looks, now, most_occasions) for mailing in found.mailings],
        totals=Totals(
            **_counts(all_counts, sum(mailing.expected for mailing in found.mailings)),
            recipients=found.recipients,
            unsubscribed=found.unsubscribed,
            answers=found.answers,
        ),
    )


def _mailing(mailing: MailingStanding, looks: Outlook, now: datetime, most: int | None) -> MailingStatus:
    told = mailing.occasions
    if most is not None and len(told) > most:
        over = sum(each.due_at < now for each in told)
        first = max(0, min(over - _BEFORE_NOW, len(told) - most))
        told = told[first : first + most]
    return MailingStatus(
        **_counts(mailing.counts, mailing.expected),
        mailing=mailing.mailing,
        title=mailing.title,
        kind=mailing.kind,
        due=mailing.due_at,
        stage=mailing.stage,
        paused=looks.holds(mailing.mailing),
        ends=looks.ends_at.get(mailing.mailing),
        occasions=[_occasion(occasion) for occasion in told],
        occasions_in_all=len(mailing.occasions),
    )


def _occasion(occasion: OccasionStanding) -> OccasionStatus:
    return OccasionStatus(
        **_counts(occasion.counts, occasion.expected),
        anchor=occasion.anchor,
        due=occasion.due_at,
        useful_until=occasion.useful_until,
        stage=occasion.stage,
    )


def _counts(counts: Mapping[LetterState, int], expected: int) -> dict[str, int]:
    told = (S.SENT, S.FAILED, S.IN_DOUBT, S.DEFERRED, S.SUPPRESSED, S.WITHDRAWN, S.MISSED)
    return {
        "letters": sum(counts.values()),
        "expected": expected,
        "waiting": counting.under_way(counts),
        **{state.value: counts.get(state, 0) for state in told},
    }
