"""Keeps calendars right: what the ledger says is held, compared with the agenda in force, becomes letters.

Joins `planning.entries`, which decides, and the outbox, which keeps. Whoever calls says in which transaction, and when.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from mailer.agenda import changes
from mailer.agenda.model import AgendaVersion
from mailer.agenda.upkeep import Upkeep
from mailer.outbox import agendas, ledger, letters, occasions
from mailer.outbox.database import Transaction
from mailer.outbox.ledger import UnderWay
from mailer.outbox.letter import LetterState
from mailer.outbox.letters import LetterRow
from mailer.outbox.occasions import NewLetter
from mailer.planning.due import Occasion
from mailer.planning.entries import Effect, Entries, EntryLetter, Held, Holder, carried

VersionOf = Callable[[int], AgendaVersion]
"""A published version by its number."""

_TOLD_EVERY = 200
"""People after whom one is told how far it is."""


@dataclass(frozen=True, kw_only=True)
class Wanting:
    """Somebody whose entries are not right, and the letters that make them so."""

    holder: Holder
    letters: tuple[EntryLetter, ...]


def versions_in(
    transaction: Transaction, event: str, read: dict[tuple[str, int], AgendaVersion] | None = None
) -> VersionOf:
    """Published versions, each read once: not those that are in `read`, where they are remembered."""
    known = {} if read is None else read

    def version(number: int) -> AgendaVersion:
        if (event, number) not in known:
            known[event, number] = agendas.version(transaction, event, number)
        return known[event, number]

    return version


class _Earlier(dict[int, AgendaVersion]):
    """Versions as they are asked for; None for a number that was never published, which a damaged row may name."""

    def __init__(self, version_of: VersionOf, latest: AgendaVersion) -> None:
        super().__init__({latest.number: latest})
        self._version_of = version_of

    def __missing__(self, number: int) -> AgendaVersion:
        self[number] = self._version_of(number)
        return self[number]

    def get(self, number: int, default: Any = None) -> Any:
        try:
            return self[number]
        except KeyError:
            return default


def entries(latest: AgendaVersion, version_of: VersionOf) -> Entries:
    return Entries(latest=latest, earlier=_Earlier(version_of, latest))


def wanting(
    transaction: Transaction,
    event: str,
    those: Entries,
    ids: Iterable[int],
    leaving: frozenset[int] = frozenset(),
) -> Iterator[Wanting]:
    """Those of these people whose entries are not right by the agenda of `those`, one after the other.

    What is on its way already is left out: it is written from the agenda in force, or its end is waited for. Who is
    `leaving` will be off the list when that agenda is published.
    """
    suspected = list(ids)
    moving = _under_way(transaction, event, suspected, those)
    for known in ledger.holders(transaction, event, suspected):
        busy, doubted = moving.get(known.id, ((), ()))
        left_at = known.left_at or (those.latest.published_at if known.id in leaving else None)
        holder = replace(those.with_doubts(known, doubted), left_at=left_at)
        letters = those.letters(holder)
        if letters:
            free = tuple(each for each in letters if not _touches(each, busy))
            yield Wanting(holder=holder, letters=free)


def keep_right(
    transaction: Transaction, event: str, those: Entries, wording: str, now: datetime
) -> datetime | None:
    """Write down the letters that are due of those that make entries right; when the next of them will be."""
    number = those.latest.number
    for kind in ledger.unchecked(transaction, event, number):
        anchor, version, cancelled = kind
        if those.are_right(anchor, version, cancelled=cancelled):
            ledger.mark_right(transaction, event, kind, number)
    suspected = ledger.suspects(transaction, event, number)
    new: dict[Occasion, list[NewLetter]] = {}
    later: list[datetime] = []
    unconcerned = set(suspected)
    for each in wanting(transaction, event, those, suspected):
        unconcerned.discard(each.holder.id)
        for letter in each.letters:
            if letter.occasion.due_at > now:
                later.append(letter.occasion.due_at)
            else:
                written = ledger.new_letter(
                    transaction,
                    each.holder,
                    letter.occasion,
                    letter.upkeep,
                    now,
                    version=number,
                    wording=wording,
                )
                new.setdefault(letter.occasion, []).append(written)
    ledger.leave_as_they_are(transaction, sorted(unconcerned), number)
    occasions.write_down(transaction, event, new, now)
    return min(later, default=None)


@dataclass(frozen=True, kw_only=True)
class Consequence:
    """What publishing does to one entry, and in whose calendars: `addresses` are in their order."""

    anchor: str
    effect: Effect
    addresses: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Consequences:
    """Everything that publishing does to calendars: by entry and effect, in the agenda's order, and in how many
    letters. `sample` is one of those, and who gets it: if there is one, somebody who stays on the list. `untold` are
    those it concerns who have unsubscribed.
    """

    changes: tuple[Consequence, ...] = ()
    letters: int = 0
    untold: tuple[str, ...] = ()
    due_at: datetime | None = None
    sample: tuple[str, EntryLetter] | None = None


def consequences(
    transaction: Transaction,
    draft: AgendaVersion,
    version_of: VersionOf,
    leaving: Sequence[str],
    heard: Callable[[int, int], None] = lambda done, of: None,
) -> Consequences:
    """What publishing this version would do, with these addresses off the list. Tens of thousands of people take
    seconds: `heard` is told of how many it is known.
    """
    event, those = draft.event.key, entries(draft, version_of)
    kinds = ledger.unchecked(transaction, event, draft.number)
    wrong = [kind for kind in kinds if not those.are_right(kind[0], kind[1], cancelled=kind[2])]
    gone = frozenset(ledger.ids_of(transaction, event, leaving))
    suspected = sorted({*ledger.suspects(transaction, event, draft.number, wrong), *gone})
    named = ledger.addresses(transaction, suspected)
    found: dict[tuple[str, Effect], list[str]] = {}
    letters, due_at, is_leaving = 0, None, False
    sample: tuple[str, EntryLetter] | None = None
    untold: list[str] = []
    for number, each in enumerate(wanting(transaction, event, those, suspected, gone)):
        if number % _TOLD_EVERY == 0:
            heard(number, len(suspected))
        address = named[each.holder.id]
        if each.holder.unsubscribed:
            untold.append(address)
            continue
        letters += len(each.letters)
        moments = [letter.occasion.due_at for letter in each.letters]
        due_at = min(moments if due_at is None else [due_at, *moments], default=None)
        if each.letters and (sample is None or (is_leaving and each.holder.left_at is None)):
            sample, is_leaving = (address, each.letters[0]), each.holder.left_at is not None
        for step in (step for letter in each.letters for step in letter.steps):
            found.setdefault((step.told.anchor, step.effect), []).append(address)
    return Consequences(
        changes=tuple(
            Consequence(anchor=anchor, effect=effect, addresses=tuple(sorted(addresses)))
            for (anchor, effect), addresses in sorted(found.items(), key=lambda item: those.place(item[0][0]))
        ),
        letters=letters,
        untold=tuple(untold),
        due_at=due_at,
        sample=sample,
    )


@dataclass(frozen=True, kw_only=True)
class Stale:
    """Entries of one person that are not right, and that nothing is on its way to: why, and the letter that would."""

    holder: Holder
    address: str
    letter: EntryLetter
    why: str


@dataclass(frozen=True, kw_only=True)
class Overview:
    """How the calendars stand: by anchor how many entries are held and right; how many letters are to come by
    themselves, and what will not right itself. `untold` are those whose entries are not right and who have
    unsubscribed; `moved_by_rules` are sessions whose instant the zone's new rules moved.
    """

    version: AgendaVersion
    counted: Mapping[str, tuple[int, int]]
    to_come: int
    stale: tuple[Stale, ...]
    untold: tuple[str, ...]
    moved_by_rules: tuple[str, ...]


def overview(
    transaction: Transaction, latest: AgendaVersion, version_of: VersionOf, now: datetime
) -> Overview:
    """Compare what everybody holds with the agenda in force."""
    event, those = latest.event.key, entries(latest, version_of)
    suspected = ledger.suspects(transaction, event, latest.number)
    named = ledger.addresses(transaction, suspected)
    ended: dict[Occasion, dict[int, str]] = {}
    to_come, stale, untold = 0, [], []
    for each in wanting(transaction, event, those, suspected):
        if each.holder.unsubscribed:
            untold.append(named[each.holder.id])
            continue
        for letter in each.letters:
            if letter.occasion not in ended:
                ended[letter.occasion] = ledger.ended_at(transaction, event, letter.occasion)
            why = ended[letter.occasion].get(each.holder.id)
            if why is None:
                to_come += 1
            else:
                address = named[each.holder.id]
                stale.append(Stale(holder=each.holder, address=address, letter=letter, why=why))
    by_clock = {session.key: session for session in changes.follow_the_clocks(latest).sessions}
    return Overview(
        version=latest,
        counted=ledger.counted(transaction, event, latest.number),
        to_come=to_come,
        stale=tuple(stale),
        untold=tuple(untold),
        moved_by_rules=tuple(s.key for s in latest.event.sessions if by_clock[s.key] != s),
    )


def heal(
    transaction: Transaction, latest: AgendaVersion, stale: Iterable[Stale], wording: str, now: datetime
) -> int:
    """Write the letters that make these entries right once more, due now; how many those were."""
    letters = [(each.holder, _due(each.letter, now)) for each in stale]
    return _write_now(transaction, latest, letters, wording, now)


def correct(
    transaction: Transaction,
    latest: AgendaVersion,
    version_of: VersionOf,
    ids: Iterable[int],
    *,
    wording: str,
    now: datetime,
) -> int:
    """Tell these people anew all that they hold, as newer than anything they were told; how many letters that is.
    Who has unsubscribed is told nothing.
    """
    those, at = entries(latest, version_of), _second_of(now)
    letters = [
        (holder, letter)
        for holder in ledger.holders(transaction, latest.event.key, ids)
        if not holder.unsubscribed
        for letter in those.correction(holder, at)
    ]
    return _write_now(transaction, latest, letters, wording, now)


def _write_now(
    transaction: Transaction,
    latest: AgendaVersion,
    letters: Iterable[tuple[Holder, EntryLetter]],
    wording: str,
    now: datetime,
) -> int:
    new: dict[Occasion, list[NewLetter]] = {}
    for holder, letter in letters:
        written = ledger.new_letter(
            transaction, holder, letter.occasion, letter.upkeep, now, version=latest.number, wording=wording
        )
        new.setdefault(letter.occasion, []).append(written)
    return occasions.write_down(transaction, latest.event.key, new, now)


def _due(letter: EntryLetter, now: datetime) -> EntryLetter:
    at = _second_of(now)
    return replace(
        letter,
        occasion=replace(letter.occasion, due_at=at),
        upkeep=letter.upkeep.model_copy(update={"stamped_at": max(at, letter.upkeep.stamped_at)}),
    )


def _second_of(now: datetime) -> datetime:
    """DTSTAMP has no fractions."""
    return now.replace(microsecond=0)


def upkeep_of_mailing(
    transaction: Transaction, latest: AgendaVersion, version_of: VersionOf, occasion: Occasion, now: datetime
) -> dict[int, str]:
    """For whom a mailing's calendar part has to be another than everybody's: recipient -> digest of their upkeep."""
    mailing, event = latest.event.mailing(occasion.mailing), latest.event.key
    ids = sorted(ledger.uneven(transaction, event, latest.sequences))
    if not ids:
        return {}
    those = entries(latest, version_of)
    stamped_at = max(latest.published_at, _second_of(now))
    found = {
        holder.id: those.for_mailing(holder, mailing.calendar, occasion.anchor, stamped_at)
        for holder in ledger.holders(transaction, event, ids)
    }
    return {each: ledger.keep_upkeep(transaction, upkeep) for each, upkeep in found.items() if upkeep}


def catch_up(transaction: Transaction, event: str, now: datetime) -> None:
    """Letters that wait to leave from an earlier version follow the one in force; where they cannot, for their bytes
    may not change or they tell of a change that is none any more, they are withdrawn.
    """
    latest = agendas.latest(transaction, event)
    if latest is None:
        return
    behind = letters.behind(transaction, event, latest.number)
    late = superseded(transaction, event, behind)
    for each in behind:
        if each.upkeep is None and each.repeated_at is None:
            occasions.follow(transaction, each.id, latest.number)
        elif each.id in late or each.repeated_at is None:
            why = "the agenda has changed since"
            occasions.withdraw_letters(transaction, each.occasion_id, [each.recipient_id], why, now)


def superseded(transaction: Transaction, event: str, written: Iterable[LetterRow]) -> frozenset[int]:
    """Which of these letters carry an entry that says what the agenda no longer does."""
    rows = list(written)
    latest = agendas.latest(transaction, event) if rows else None
    if latest is None:
        return frozenset()
    those = entries(latest, versions_in(transaction, event))
    read = {row.upkeep: ledger.kept_upkeep(transaction, row.upkeep) for row in rows if row.upkeep}
    return frozenset(
        row.id
        for row in rows
        if any(
            not those.are_right(anchor, held.version, cancelled=held.cancelled)
            for anchor, held in _brings(row, those, read).items()
        )
    )


Moving = dict[int, tuple[list[str], list[Mapping[str, Held]]]]
"""By recipient: the anchors that letters on their way are about, and what each letter in doubt may have brought."""


def _under_way(transaction: Transaction, event: str, ids: Sequence[int], those: Entries) -> Moving:
    moving: Moving = {}
    read: dict[str, Upkeep] = {}
    for row in ledger.under_way(transaction, event, ids):
        if row.upkeep and row.upkeep not in read:
            read[row.upkeep] = ledger.kept_upkeep(transaction, row.upkeep)
        brings = _brings(row, those, read)
        busy, doubted = moving.setdefault(row.recipient_id, ([], []))
        if row.state not in ledger.ON_ITS_WAY:
            is_over = row.state is not LetterState.IN_DOUBT
            doubted.append({anchor: replace(held, in_doubt=is_over) for anchor, held in brings.items()})
        else:
            busy += brings
    return moving


def _brings(row: UnderWay | LetterRow, those: Entries, upkeeps: Mapping[str, Upkeep]) -> dict[str, Held]:
    version = those.earlier[row.version]
    upkeep = upkeeps[row.upkeep] if row.upkeep else None
    try:
        return carried(version, version.event.mailing(row.mailing), row.anchor, upkeep)
    except KeyError:  # the mailing is gone: so is its unsent letter, or soon will be
        return {}


def _touches(letter: EntryLetter, busy: Iterable[str]) -> bool:
    return bool({told.anchor for told in letter.upkeep.told} & set(busy))
