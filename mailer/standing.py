"""Where everything stands: each mailing of an event, past and to come, with its letters counted.

One answer for the page, the terminal and the command line. It counts; it names nobody.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property, partial

from mailer.agenda.model import UNASKED, AgendaVersion
from mailer.agenda.rules import EVENT
from mailer.lately import Beside, Heard, Lately
from mailer.outbox import agendas, letters, occasions, people
from mailer.outbox.database import Database, Transaction
from mailer.outbox.letter import FINAL, LetterState
from mailer.planning import due
from mailer.planning.due import Occasion

Identity = tuple[str, str, datetime]


class Stage(StrEnum):
    """Where an occasion is in its life."""

    PLANNED = "planned"
    RUNNING = "running"
    DONE = "done"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, kw_only=True)
class OccasionStanding:
    """One occasion. `letters` counts those written down; `expected` those there would be today, if it is planned.

    `is_in_force`: the timetable has it; else it is history, for the agenda or the list has changed since.
    """

    anchor: str
    anchor_title: str
    due_at: datetime
    useful_until: datetime
    stage: Stage
    expected: int
    counts: dict[LetterState, int] = field(default_factory=dict)
    is_in_force: bool = True

    @cached_property
    def letters(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, kw_only=True)
class MailingStanding:
    """One mailing with its occasions in the order they fall due."""

    mailing: str
    kind: str
    title: str
    audience: str
    when: str
    occasions: tuple[OccasionStanding, ...]

    @cached_property
    def counts(self) -> dict[LetterState, int]:
        return dict(sum((Counter(occasion.counts) for occasion in self.occasions), Counter()))

    @cached_property
    def letters(self) -> int:
        return sum(self.counts.values())

    @cached_property
    def expected(self) -> int:
        return sum(occasion.expected for occasion in self.occasions)

    @cached_property
    def due_at(self) -> datetime:
        """The next occasion that is not over, or the last one."""
        ahead = [o.due_at for o in self.occasions if o.stage in {Stage.PLANNED, Stage.RUNNING}]
        return ahead[0] if ahead else self.occasions[-1].due_at

    @cached_property
    def stage(self) -> Stage:
        stages = [occasion.stage for occasion in self.occasions]
        for stage in (Stage.RUNNING, Stage.PLANNED, Stage.DONE, Stage.MISSED):
            if stage in stages:
                return stage
        return Stage.WITHDRAWN


@dataclass(frozen=True, kw_only=True)
class Standing:
    """`is_foretold` is False while the letters to come are still being counted: `expected` says 0 then."""

    version: AgendaVersion
    recipients: int
    unsubscribed: int
    answers: dict[str, int]
    mailings: tuple[MailingStanding, ...]
    is_foretold: bool = True

    def count(self, *states: LetterState) -> int:
        return sum(mailing.counts.get(state, 0) for mailing in self.mailings for state in states)

    @cached_property
    def letters(self) -> int:
        return sum(mailing.letters for mailing in self.mailings)


def standing(database: Database, event: str, now: datetime, *, in_full: bool = True) -> Standing | None:
    """How an event stands at `now`, or, with a `LONG_LIST`, stood a few seconds before; None while nothing of it is
    published.

    The first count of the letters to come from a long list takes seconds: it is waited for only if the standing is
    wanted `in_full`.
    """
    count = partial(_standing, database, event, now, in_full=in_full)
    return _lately.get((database.engine, event, in_full), now, count)


def _standing(database: Database, event: str, now: datetime, *, in_full: bool) -> Standing | None:
    with database.reading() as transaction:
        version = agendas.latest(transaction, event)
        if version is None:
            return None
        opened = letters.progress(transaction, event)
        foretold = _foretold(database, transaction, version, now, in_full=in_full)
    found = {each.occasion.identity: each for each in opened}
    titles = {EVENT: version.event.title, **{each.key: each.title for each in version.event.sessions}}
    timetable, counted = foretold.timetable, foretold.counted
    rows: dict[str, list[OccasionStanding]] = {}
    for identity in sorted(timetable.keys() | found.keys(), key=lambda key: (key[2], key)):
        to_come = (foretold.expected or {}).get(identity, 0)
        rows.setdefault(identity[0], []).append(
            _occasion(titles, timetable.get(identity), found.get(identity), to_come)
        )
    for key in UNASKED.keys() & rows.keys():
        rows[key] = _by_the_hour(version, rows[key])
    return Standing(
        version=version,
        recipients=counted.asked,
        unsubscribed=counted.unsubscribed,
        answers={str(answer): n for answer, n in counted.answers.get("event", {}).items()},
        mailings=tuple(
            MailingStanding(
                mailing=mailing.key, kind=mailing.kind, title=mailing.title, audience=mailing.audience,
                when=mailing.when, occasions=tuple(rows[mailing.key]),
            )
            for mailing in (*version.event.mailings, *UNASKED.values()) if mailing.key in rows
        ),
        is_foretold=foretold.expected is not None,
    )  # fmt: skip


def _by_the_hour(version: AgendaVersion, those: Sequence[OccasionStanding]) -> list[OccasionStanding]:
    """What leaves by itself has an occasion for each entry and minute: they are shown as one for each hour."""
    hours: dict[datetime, list[OccasionStanding]] = {}
    for each in those:
        hours.setdefault(each.due_at.replace(minute=0, second=0, microsecond=0), []).append(each)
    stages = (Stage.RUNNING, Stage.PLANNED, Stage.DONE, Stage.MISSED, Stage.WITHDRAWN)
    return [
        OccasionStanding(
            anchor=EVENT,
            anchor_title=version.event.title,
            due_at=alike[0].due_at,
            useful_until=max(each.useful_until for each in alike),
            stage=min((each.stage for each in alike), key=stages.index),
            expected=sum(each.expected for each in alike),
            counts=dict(sum((Counter(each.counts) for each in alike), Counter())),
        )
        for alike in hours.values()
    ]


def _occasion(
    titles: Mapping[str, str],
    planned: Occasion | None,
    opened: letters.OccasionProgress | None,
    expected: int,
) -> OccasionStanding:
    which = opened.occasion if opened else planned
    assert which is not None  # noqa: S101 - it came from one of the two
    counts = dict(opened.counts) if opened else {}
    return OccasionStanding(
        anchor=which.anchor,
        anchor_title=titles.get(which.anchor, titles[EVENT]),
        due_at=which.due_at,
        useful_until=which.useful_until,
        stage=_stage(opened, counts),
        expected=0 if opened else expected,
        counts=counts,
        is_in_force=planned is not None,
    )


@dataclass(frozen=True, kw_only=True)
class _Foretold:
    """What follows from an agenda and a roster: it is the same while they are. `expected` takes long."""

    counted: people.RosterCounts
    timetable: Mapping[Identity, Occasion]
    expected: Mapping[Identity, int] | None = None


LONG_LIST = people.LONG_LIST
"""Of a list as long as this the last count is shown until the new one, which takes seconds, is there: what is to come,
and how many letters it will bring, may then be of the version before.
"""

_lately = Lately[Standing | None](lambda found: found is not None and found.recipients >= LONG_LIST)
"""Standings of long lists: counting states takes tens of milliseconds, and a page asks every second."""

_known: Beside[_Foretold] = Beside()


def _foretold(
    database: Database, transaction: Transaction, version: AgendaVersion, now: datetime, *, in_full: bool
) -> _Foretold:
    """The letters of each occasion to come. A list may be long, and the page looks every second: it is counted and
    judged anew only when the agenda, the list, an answer or an unsubscription has changed.
    """
    event = version.event.key
    what, state = (database.engine, event), _state(transaction, version)

    def here(heard: Heard) -> _Foretold:
        return _counted(transaction, version, now)

    def beside(heard: Heard) -> _Foretold:
        with database.reading() as own:
            return _counted(own, agendas.latest(own, event) or version, now)

    if not people.is_long_list(transaction, event, LONG_LIST):
        return _known.at_once(what, state, now, here).value
    if found := _known.at_hand(what, state, now, beside):
        return found.value
    return _known.at_once(what, state, now, here).value if in_full else _uncounted(transaction, version)


def _state(transaction: Transaction, version: AgendaVersion) -> object:
    event = version.event.key
    return version, people.changed_at(transaction, event), people.unsubscribed(transaction, event)


def _uncounted(transaction: Transaction, version: AgendaVersion) -> _Foretold:
    event = version.event.key
    ahead = due.occasions(version, people.zones(transaction, event))
    return _Foretold(
        counted=people.counts(transaction, event),
        timetable={occasion.identity: occasion for occasion in ahead},
    )


def _counted(transaction: Transaction, version: AgendaVersion, now: datetime) -> _Foretold:
    """Whoever has letters of another hour already is left out, where the mailing says so."""
    event, found = version.event.key, _uncounted(transaction, version)
    opened = (each.identity for each in occasions.occasions(transaction, event))
    members = people.members(transaction, event, due.moved(found.timetable.values(), opened))
    letters_of = due.expected(version, list(found.timetable.values()), members, now)
    return replace(found, expected=dict(zip(found.timetable, letters_of, strict=True)))


def _stage(opened: letters.OccasionProgress | None, counts: dict[LetterState, int]) -> Stage:
    """What has left at an hour that was moved stays what was done then; withdrawn is that of which nothing has."""
    if opened is None:
        return Stage.PLANNED
    has_left = any(
        counts.get(state) for state in (LetterState.SENT, LetterState.FAILED, LetterState.IN_DOUBT)
    )
    if opened.occasion.withdrawn_at and not has_left:
        return Stage.WITHDRAWN
    if any(state not in FINAL and state is not LetterState.IN_DOUBT for state in counts):
        return Stage.RUNNING
    return Stage.MISSED if counts and set(counts) == {LetterState.MISSED} else Stage.DONE
