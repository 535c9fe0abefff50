"""The desk: the one who writes to the outbox while letters leave.

It claims letters and hands them to carriers; what they ask before a dot and tell after it is written down for all
of them in one commit, and only then may the dots leave. What composing and carrying mean is the carriers'; what a
refusal means for the next try is `retrying`'s, for other letters `lessons`'; how many letters at a time, `pace`'s;
what they sign in with, `signing_in`'s.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from multiprocessing.connection import wait
from threading import Event as Signal

from mailer.delivery import retrying
from mailer.delivery.oauth import AuthFailed, TokenSource, TokenUnavailable
from mailer.delivery.outcome import Outcome
from mailer.delivery.pace import Domains, Pace
from mailer.dispatch.crew import Hired
from mailer.dispatch.hand import Hand
from mailer.dispatch.lessons import Lessons
from mailer.dispatch.orders import Key, Order, Report
from mailer.dispatch.signing_in import SigningIn
from mailer.outbox import agendas, approvals, attachments, claims, doubts, ledger, pauses, tallies
from mailer.outbox.claimed import Change, ClaimedLetter
from mailer.outbox.database import Database, Transaction
from mailer.outbox.letter import Happening

LEASE_FOR = timedelta(seconds=30)
"""How long a letter is a carrier's without word from it."""

FINISH_WITHIN = 20.0
"""Seconds a carrier may wait for the reply to a dot when it is told to finish."""

LOOK_AGAIN_AFTER = timedelta(seconds=1)
"""How often, while letters are under way, the outbox is asked whether more are due."""

_WAIT_FOR = 0.25  # seconds, for the carriers to say something
_GRACE = 5.0  # seconds more than it may wait, for a carrier to say its last word
_WORTH_WAITING_FOR = 2.0  # seconds, until the relay may be given the next letter

H = Happening
Clock = Callable[[], datetime]
Heard = Sequence[tuple[Hand, Report]]


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What one turn of work did. `unreachable` says why the relay could not be used, if it could not, and `kind`
    in what way.
    """

    sent: int = 0
    put_off: int = 0
    failed: int = 0
    unreachable: str = ""
    kind: str = ""


class Desk:
    """Sends what one event has to send, by `carriers` carriers that `hire` starts.

    `through` says where letters go, in the note of each intent.
    """

    def __init__(
        self,
        database: Database,
        event: str,
        *,
        owner: str,
        through: str,
        hire: Callable[[], Hired],
        carriers: int,
        pace: Pace,
        clock: Clock,
        tokens: TokenSource | None = None,
    ) -> None:
        self._database, self._event, self._owner, self._through = database, event, owner, through
        self._hire, self._pace, self._clock = hire, pace, clock
        self._lessons = Lessons(event, through, pace)
        self._signing_in = SigningIn(database, event, tokens)
        self._numbers = 0
        self._hands = [self._new_hand() for _ in range(carriers)]
        self._untold: list[Change] = []
        self._renewed_at = clock()
        self._dry_until: datetime | None = None
        self._done = Delivered()
        self._rests_for = 0.0
        self._held: frozenset[str] = frozenset()
        self._is_ending, self._silences = False, 0

    def _new_hand(self) -> Hand:
        self._numbers += 1
        hired = self._hire()
        owner = f"{self._owner}/{self._numbers}"
        hand = Hand(hired=hired, owner=owner, heard_at=self._clock(), wants=hired.room)
        if self._signing_in.token:
            hand.tell(Order(token=self._signing_in.token))
        return hand

    def work(self, stop: Signal | None = None) -> Delivered:
        """Send all that may be sent now; returns when nothing is under way, or soon after `stop` is set.

        Raises:
            StoreError: the database cannot be written to. No dot leaves without its intent; what is not kept yet
                of what happened is kept at the next turn.
        """
        self._done, self._dry_until = Delivered(), None
        self._signing_in.begin()
        self._hands = [self._new_hand() if hand.is_buried else hand for hand in self._hands]
        heard: Heard = [(hand, report.without_trouble) for hand, report in self._listen(0.0)]
        while True:
            if stop and stop.is_set():
                self._finish()
            may_be_more = self._turn(heard)
            if not may_be_more and not any(hand.holds for hand in self._hands):
                return self._done
            heard = self._listen(min(_WAIT_FOR, self._rests_for or _WAIT_FOR))

    def close(self) -> None:
        """Have every carrier finish its dot and end; what they give back is written down."""
        self._finish()
        while any(not hand.is_gone for hand in self._hands):
            self._turn(self._listen(_WAIT_FOR))
        self._turn(())
        for hand in self._hands:
            hand.hired.end(0 if hand.is_buried else _GRACE)

    def _finish(self) -> None:
        if not self._is_ending:
            self._is_ending = True
            for hand in self._hands:
                hand.tell(Order(finish_within=FINISH_WITHIN))

    def _listen(self, wait_for: float) -> Heard:
        """All that the carriers have to say by now, or the first of it. One that is frozen is gone."""
        hands = {hand.hired.channel: hand for hand in self._hands if not hand.is_gone}
        now = self._clock()
        heard: list[tuple[Hand, Report]] = []
        for channel in wait(list(hands), wait_for):
            hand = hands[channel]  # type: ignore[index]
            heard += [(hand, report) for report in hand.hear(now)]
        for hand in hands.values():
            if hand.holds and now - hand.heard_at > LEASE_FOR:
                hand.is_gone = True
        if self._is_ending and not heard:
            self._silences += 1
            if self._silences * _WAIT_FOR > FINISH_WITHIN + _GRACE:
                for hand in hands.values():
                    hand.is_gone = True
        return heard

    def _turn(self, heard: Heard) -> bool:
        """Keep what was heard, claim what is wanted, and tell the carriers; whether there may be more to do now."""
        now = self._clock()
        asked, ended = self._changes(heard, now)
        self._untold += ended
        is_stale = now - self._renewed_at >= LEASE_FOR / 3
        self._bring_token(is_stale=is_stale)
        wanted = self._wanted(now)
        gone = [hand for hand in self._hands if hand.is_gone and not hand.is_buried]
        if not (asked or self._untold or wanted or gone or is_stale or self._lessons.any):
            return self._is_pacing
        try:
            with self._database.writing() as transaction:
                held = pauses.held(transaction, self._event) | approvals.held(transaction, self._event)
                allowed = [each for each in asked if not pauses.is_held(each.letter.mailing, held)]
                known = self._keep(transaction, [*self._given_up(transaction, now), *allowed], now)
                self._lessons.keep(transaction, now)
                self._release(transaction, gone, now)
                if is_stale:
                    self._renew(transaction, now)
                shares = self._pace.domains(now.timestamp()) if wanted else None
                orders = {hand: self._claim(transaction, hand, limit, shares, now) for hand, limit in wanted}
        except BaseException:
            self._hold_back(heard)
            raise
        self._untold.clear()
        if self._lessons.are_for_a_person:
            self._signing_in.lock_out()
        self._lessons.forget()
        is_news = bool(held - self._held) or any(report.trouble for _, report in heard)
        self._held = held
        self._answer(heard, known, orders, now, let_go=is_news)
        self._replace(gone)
        ready = sum(len(order.letters) for order in orders.values())
        if wanted and ready < sum(limit for _, limit in wanted):
            self._run_dry(shares, now)
        return bool(ready or (gone and not self._done.unreachable)) or self._is_pacing

    @property
    def _is_pacing(self) -> bool:
        """Whether the relay may be given the next letter soon enough to wait for that moment."""
        return 0 < self._rests_for < _WORTH_WAITING_FOR

    # ── what the carriers say ────────────────────────────────────────────────────────────────────────────────

    def _changes(self, heard: Heard, now: datetime) -> tuple[list[Change], list[Change]]:
        """The intents asked for, and what has ended."""
        asked: list[Change] = []
        ended: list[Change] = []
        for hand, report in heard:
            for key, digest in report.asked:
                if (letter := hand.holds.get(key)) and not hand.is_gone:
                    hand.asked.add(key)
                    asked.append(Change(letter, H.INTENDED, self._through, digest))
            for key, reply, entries in report.accepted:
                letter, _ = hand.let(key)
                if letter:
                    ended.append(Change(letter, H.ACCEPTED, reply, None, entries))
            for key, outcome in report.ended:
                letter, may_be_intended = hand.let(key)
                if letter:
                    self._lessons.draw(letter, outcome, now)
                    ended.append(self._end(letter, outcome, now, may_be_intended=may_be_intended))
            if report.trouble:
                self._done = replace(self._done, unreachable=report.trouble, kind=report.kind)
            if report.kind == "auth" and self._signing_in.is_refused_for_good(report.token):
                self._lessons.unknown(report.trouble)
            self._count(report)
        return asked, ended

    def _end(
        self, letter: ClaimedLetter, outcome: Outcome, now: datetime, *, may_be_intended: bool
    ) -> Change:
        happening, reply = outcome.happening, outcome.reply
        if happening is H.RELEASED:
            self._pace.unsent()
            self._dry_until = None
            if may_be_intended:
                return Change(letter, H.PUT_OFF, reply, retry_at=now, charged=False)
            return Change(letter, H.RELEASED, reply)
        if happening is not H.PUT_OFF:
            return Change(letter, happening, reply)
        retry_at = retrying.retry_at(
            attempts=letter.attempts + 1, letter_id=letter.id, now=now, charged=outcome.recipient_charged
        )
        return Change(letter, H.PUT_OFF, reply, retry_at=retry_at, charged=outcome.recipient_charged)

    def _count(self, report: Report) -> None:
        happenings = [outcome.happening for _, outcome in report.ended]
        self._done = replace(
            self._done,
            sent=self._done.sent + len(report.accepted),
            failed=self._done.failed + happenings.count(H.REFUSED),
            put_off=self._done.put_off + happenings.count(H.PUT_OFF),
        )

    # ── what is written down ─────────────────────────────────────────────────────────────────────────────────

    def _given_up(self, transaction: Transaction, now: datetime) -> list[Change]:
        """What has ended, and is not kept yet: put off for too long, a letter has failed."""
        put_off = [change.letter.id for change in self._untold if change.happening is H.PUT_OFF]
        if not put_off:
            return self._untold
        first = tallies.first_tried_at(transaction, put_off)
        late = {each for each, tried_at in first.items() if now >= retrying.deadline(tried_at)}
        return [
            change._replace(happening=H.REFUSED, reply=f"given up: {change.reply}", retry_at=None)
            if change.letter.id in late and change.happening is H.PUT_OFF
            else change
            for change in self._untold
        ]

    def _keep(self, transaction: Transaction, changes: Sequence[Change], now: datetime) -> set[Key]:
        """The claims under which it holds. A 250 that came after its lease ran out is evidence all the same."""
        if not changes:
            return set()
        held = claims.happen(transaction, changes, now)
        known = {change.letter.key for change in held}
        if len(held) < len(changes):
            for late in changes:
                if late.happening is H.ACCEPTED and late.letter.key not in known:
                    doubts.settle(transaction, late.letter.id, H.FOUND, now, late.reply, late.entries)
        return known

    def _release(self, transaction: Transaction, gone: Sequence[Hand], now: datetime) -> None:
        for hand in gone:
            claims.release_owner(transaction, hand.owner, now)

    def _renew(self, transaction: Transaction, now: datetime) -> None:
        for hand in self._hands:
            if hand.holds and not hand.is_gone:
                claims.renew(transaction, hand.owner, now, LEASE_FOR)
        self._renewed_at = now

    def _wanted(self, now: datetime) -> list[tuple[Hand, int]]:
        """Which carriers are to get letters now, and how many."""
        if self._is_ending or self._signing_in.is_locked_out or self._done.unreachable:
            self._rests_for = 0.0
            return []
        if self._dry_until and now < self._dry_until:
            return []
        self._rests_for = 0.0
        wanting = [hand for hand in self._hands if hand.wants > 0 and not hand.is_gone]
        room = self._pace.allowance(now.timestamp(), sum(hand.wants for hand in wanting))
        if wanting and not room:
            self._rests_for = self._pace.may_send(now.timestamp())
        wanted: list[tuple[Hand, int]] = []
        for hand in wanting:
            limit = min(hand.wants, room)
            room -= limit
            if limit:
                wanted.append((hand, limit))
        return wanted

    def _claim(
        self, transaction: Transaction, hand: Hand, limit: int, shares: Domains | None, now: datetime
    ) -> Order:
        letters = claims.claim(
            transaction, hand.owner, now, limit, LEASE_FOR, event=self._event, shares=shares
        )
        written_from = {(*each.of_mailing, each.wording, each.upkeep) for each in letters}
        named = {
            (event, digest): ledger.kept_upkeep(transaction, digest)
            for event, *_, digest in written_from
            if digest
        }
        versions = {(event, version) for event, version, *_ in written_from}
        versions |= {(event, number) for (event, _), upkeep in named.items() for number in upkeep.versions}
        versions -= hand.told_of
        wordings = {wording for *_, wording, _ in written_from} - hand.told_of
        mailings = {of[:3] for of in written_from} - hand.told_of
        return Order(
            letters=tuple(letters),
            versions={key: agendas.version(transaction, *key) for key in versions},
            wordings={digest: agendas.wording(transaction, digest) for digest in wordings},
            upkeeps={digest: upkeep for (_, digest), upkeep in named.items() if digest not in hand.told_of},
            contents=attachments.of_mailings(transaction, mailings, without=hand.told_of),
        )

    def _run_dry(self, shares: Domains | None, now: datetime) -> None:
        """No more letters are to be had now; but some may wait for their domain's next share."""
        self._rests_for = shares.wait if shares else 0.0
        until_shared = timedelta(seconds=self._rests_for) or LOOK_AGAIN_AFTER
        self._dry_until = now + min(until_shared, LOOK_AGAIN_AFTER)

    def _bring_token(self, *, is_stale: bool) -> None:
        """Tell every carrier the token that holds now; without one, nothing more is claimed in this turn of work."""
        if self._is_ending or self._done.unreachable:
            return
        try:
            if self._signing_in.renew(is_stale=is_stale):
                for hand in self._hands:
                    hand.tell(Order(token=self._signing_in.token))
        except AuthFailed as error:
            self._lessons.unknown(str(error))
            self._done = replace(self._done, unreachable=str(error), kind="auth")
        except TokenUnavailable as error:
            self._done = replace(self._done, unreachable=str(error), kind="token")

    # ── what the carriers are told ───────────────────────────────────────────────────────────────────────────

    def _answer(
        self, heard: Heard, known: set[Key], orders: dict[Hand, Order], now: datetime, *, let_go: bool
    ) -> None:
        """Go or not go for every intent, the letters claimed, and a word to all if they are to let go of the rest."""
        asked: dict[Hand, list[Key]] = {}
        for hand, report in heard:
            asked.setdefault(hand, []).extend(key for key, _ in report.asked)
        for hand in self._hands:
            order = orders.get(hand, Order())
            keys = asked.get(hand, [])
            go = tuple(key for key in keys if key in known)
            withhold = tuple(key for key in keys if key not in known)
            if order.letters or keys or let_go:
                hand.asked.difference_update(withhold)
                hand.tell(order._replace(go=go, withhold=withhold, let_go=let_go))
            if order.letters:
                self._pace.sent(now.timestamp(), len(order.letters))

    def _hold_back(self, heard: Heard) -> None:
        """Nothing could be kept: no dot leaves, and everything not begun comes back."""
        for hand, report in heard:
            hand.tell(Order(withhold=tuple(key for key, _ in report.asked)))
        for hand in self._hands:
            hand.tell(Order(let_go=True))

    def _replace(self, gone: Sequence[Hand]) -> None:
        """Another takes the place of who is gone; but not, before the next turn, of one that ended as it began."""
        for hand in gone:
            hand.bury(within=1.0 if self._is_ending else 0.0)
            if not (hand.has_spoken or self._is_ending):
                self._done = replace(
                    self._done, unreachable="a carrier ended as soon as it began", kind="carrier"
                )
        if not self._is_ending:
            self._hands = [
                self._new_hand() if hand.is_buried and hand.has_spoken else hand for hand in self._hands
            ]
