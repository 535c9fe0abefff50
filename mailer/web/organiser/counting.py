"""What the timetable says of each mailing in words and numbers. It counts; it names nobody."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from types import MappingProxyType
from urllib.parse import quote, urlencode

from mailer.agenda.model import UNASKED, AgendaVersion
from mailer.agenda.rules import EVENT
from mailer.attention import Attention
from mailer.outbox.letter import LetterState
from mailer.outbox.pauses import EVERYTHING, Pause
from mailer.outbox.schema import PausedBy, Role
from mailer.outlook import Outlook
from mailer.planning import due
from mailer.replies import CATEGORIES, Tally
from mailer.standing import MailingStanding, OccasionStanding, Stage, Standing
from mailer.web import moments

S = LetterState

UNDER_WAY = (S.WAITING, S.CLAIMED, S.LEAVING)

_UNSENT = (
    (S.FAILED, "failed", "alarm"),
    (S.IN_DOUBT, "in doubt", "alarm"),
    (S.MISSED, "missed", "alarm"),
    (S.DEFERRED, "will be tried again", "quiet"),
    (S.SUPPRESSED, "suppressed", "quiet"),
    (S.WITHDRAWN, "withdrawn", "quiet"),
)
_AUDIENCES: Mapping[str, str] = MappingProxyType(
    {
        "everyone": "Everyone",
        "not answer = declined": "Everyone who has not declined",
        "answer = none": "Those who have not answered",
        "chose this session and not answer = declined": "Those who chose the session and have not declined",
    }
)
_PAUSED_BY = MappingProxyType(
    {
        PausedBy.PERSON: "held back by a person",
        PausedBy.CONTENT: "the mail server refuses its letters, one like the other",
        PausedBy.AUTH: "the mail server does not know us",
    }
)
_SOON, _LIVE_EVERY, _IDLE_EVERY = timedelta(minutes=1), 2, 15


COLUMNS: Mapping[str, tuple[LetterState, ...]] = MappingProxyType(
    {
        "Sent": (S.SENT,),
        "Under way": UNDER_WAY,
        "Tried again": (S.DEFERRED,),
        "Failed": (S.FAILED,),
        "In doubt": (S.IN_DOUBT,),
        "Missed": (S.MISSED,),
        "Suppressed": (S.SUPPRESSED,),
        "Withdrawn": (S.WITHDRAWN,),
    }
)
"""How the outbox groups the states of letters."""

LOUD = frozenset({"Failed", "In doubt", "Missed"})
"""Those that a person looks at."""

_MAILS: Mapping[str, str] = MappingProxyType(
    {
        "answer": "answers that a person must place",
        "bounce": "delivery reports without our sign",
        "unsubscribe": "wishes to be left alone, without our sign",
        "question": "questions that could not be forwarded",
        "unknown": "mails that nobody understood",
    }
)
"""What waits for a decision, by its kind."""


@dataclass(frozen=True, kw_only=True)
class Concern:
    """Something that a person must look at: how many of it, and where it is dealt with, by whoever has the role. `what`
    may be a mailing.
    """

    what: str
    words: str
    count: int
    path: str
    role: Role = Role.VIEWER


@dataclass(frozen=True, kw_only=True)
class Held:
    """One thing that is paused: `what` as people call it, its `mailing` (nothing: all of them), `tone` as that of
    `unsent`, the command that ends it.
    """

    what: str
    mailing: str
    why: str
    tone: str
    since: datetime
    reason: str


def unsent(counts: Mapping[LetterState, int]) -> list[tuple[int, str, str]]:
    """(how many, in words, `alarm` or `quiet`) of whatever did not leave; nothing that is zero."""
    return [(counts[state], words, tone) for state, words, tone in _UNSENT if counts.get(state)]


def told_from(version: AgendaVersion, now: datetime) -> datetime | None:
    """When those are told whose calendars this version has made wrong, while that is still to come."""
    return version.told_from if version.number > 1 and now < version.told_from else None


def under_way(counts: Mapping[LetterState, int]) -> int:
    return sum(counts.get(state, 0) for state in UNDER_WAY)


def audience(sentence: str) -> str:
    """The organiser's sentence, or plain words for the common ones."""
    return _AUDIENCES.get(" ".join(sentence.split()), sentence)


def answers(standing: Standing) -> Tally:
    """How everybody asked has answered so far."""
    given = {each: standing.answers.get(each, 0) for each in CATEGORIES if each != "silent"}
    return Tally(**given, silent=max(0, standing.recipients - sum(given.values())))


def concerns(standing: Standing, found: Attention, looks: Outlook) -> list[Concern]:
    """What waits for a person: approvals and letters by mailing, mails that came by their kind, addresses, lists."""
    return [*_approvals(standing, looks), *_letters(standing), *_mails(found), *_lists(found)]


def _approvals(standing: Standing, looks: Outlook) -> Iterator[Concern]:
    for each in looks.unapproved:
        since = moments.short(each.fell_due_at, standing.version.event.zone)
        words = f"due since {since}, waits for approval"
        path = f"/mailings/{quote(each.mailing)}#approval"
        yield Concern(what=each.title, words=words, count=each.letters, path=path)


def _lists(found: Attention) -> Iterator[Concern]:
    if found.refused_rows:
        words = "rows refused of a list that is not taken over"
        yield Concern(
            what="", words=words, count=found.refused_rows, path="/people/import", role=Role.ORGANISER
        )


def _letters(standing: Standing) -> Iterator[Concern]:
    wanted = ((S.IN_DOUBT, "in doubt: the mail server may or may not have them"), (S.FAILED, "refused"))
    for mailing in standing.mailings:
        for state, words in wanted:
            if count := mailing.counts.get(state):
                path = f"/outbox?{urlencode({'mailing': mailing.mailing, 'state': state})}#letters"
                yield Concern(what=mailing.title, words=words, count=count, path=path)


def _mails(found: Attention) -> Iterator[Concern]:
    for kind, count in found.open.items():
        words = _MAILS.get(kind, "mails that wait for a decision")
        yield Concern(what="", words=words, count=count, path="/inbox")
    if found.quarantined:
        words = "mails that could not be read within the limits"
        yield Concern(what="", words=words, count=found.quarantined, path="/inbox")
    if found.wrong_addresses:
        words = "addresses that a server calls wrong"
        yield Concern(what="", words=words, count=found.wrong_addresses, path="/inbox?show=bounce")


def sum_of(counts: Mapping[LetterState, int], states: Iterable[LetterState]) -> int:
    return sum(counts.get(state, 0) for state in states)


def next_due(standing: Standing, now: datetime) -> MailingStanding | None:
    """The mailing that falls due next."""
    ahead = [each for each in standing.mailings if each.stage is Stage.PLANNED and each.due_at >= now]
    return min(ahead, key=lambda each: each.due_at, default=None)


def held(standing: Standing, looks: Outlook) -> list[Held]:
    """What is paused, alerts first."""
    found = [_held(standing, each) for each in looks.pauses]
    return sorted(found, key=lambda each: (each.tone != "alarm", each.since))


def _held(standing: Standing, each: Pause) -> Held:
    titles = {mailing.mailing: mailing.title for mailing in standing.mailings}
    is_all = each.mailing == EVERYTHING
    return Held(
        what="Everything" if is_all else titles.get(each.mailing, each.mailing),
        mailing=each.mailing,
        why=_PAUSED_BY[each.caused_by],
        tone="quiet" if each.caused_by is PausedBy.PERSON else "alarm",
        since=each.paused_at,
        reason=each.reason,
    )


def delays(looks: Outlook) -> list[tuple[int, str]]:
    """(how many letters, in words for how long) of those put off for long: each is counted once."""
    hours, days = looks.put_off
    told = [(hours - days, "put off for more than 4 hours"), (days, "put off for more than a day")]
    return [(count, words) for count, words in told if count]


def through(end: datetime, now: datetime, zone: tzinfo) -> str:
    """`in 12 minutes, at 10:42`; with its day where that is another."""
    is_today = end.astimezone(zone).date() == now.astimezone(zone).date()
    at = f"at {moments.hour(end, zone)}" if is_today else f"on {moments.short(end, zone)}"
    return f"{moments.away(end, now)}, {at}"


def stage_word(one: MailingStanding | OccasionStanding, now: datetime) -> str:
    """`due` is planned, but its moment has come."""
    return "due" if one.stage is Stage.PLANNED and one.due_at <= now else one.stage.value


def occasion_name(version: AgendaVersion, mailing: MailingStanding, occasion: OccasionStanding) -> str:
    """What tells one occasion of a mailing from the others: its session, or whose clock it follows.

    One that the agenda has moved away from is told as that.
    """
    if occasion.anchor != EVENT and not occasion.is_in_force:
        return f"{occasion.anchor_title}, before the agenda changed"
    if occasion.anchor != EVENT or mailing.mailing in UNASKED:
        return occasion.anchor_title
    if not occasion.is_in_force:
        return "Before the agenda or the list changed"
    here = due.occasion(version, version.event.mailing(mailing.mailing), EVENT, None).due_at
    hours = (here - occasion.due_at) / timedelta(hours=1)
    if not hours:
        return "Readers on the venue\N{RIGHT SINGLE QUOTATION MARK}s clock"
    count = f"{abs(hours):g} hour{'' if abs(hours) == 1 else 's'}"
    return f"Readers {count} {'ahead of' if hours > 0 else 'behind'} the venue"


def look_again_every(standing: Standing | None, now: datetime) -> int:
    """Seconds after which the page should look again: often while letters leave or soon will."""
    return (
        _LIVE_EVERY
        if standing is None or any(_is_live(each, now) for each in _occasions(standing))
        else _IDLE_EVERY
    )


def _occasions(standing: Standing) -> Iterator[OccasionStanding]:
    for mailing in standing.mailings:
        yield from mailing.occasions


def _is_live(occasion: OccasionStanding, now: datetime) -> bool:
    return occasion.stage is Stage.RUNNING or (
        occasion.stage is Stage.PLANNED and occasion.due_at - now < _SOON
    )
