"""Nothing leaves that nobody has approved, whatever is changed between; and what is approved leaves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.agenda.model import Approval, Event, RecipientList
from mailer.composition import wording
from mailer.composition.composing import Sender
from mailer.composition.links import Signer
from mailer.composition.wording import Wording
from mailer.errors import ConvenorError
from mailer.outbox import agendas, approvals, audit, claims, letters, people, wordings
from mailer.outbox.claimed import ClaimedLetter
from mailer.outbox.database import Database, Transaction, open_database
from mailer.outbox.letter import LetterState
from mailer.outbox.preferences import Preference
from mailer.recipients.model import Recipient
from mailer.releasing import Releasing
from mailer.service import UNAPPROVED, Service
from mailer.settings import ROOT
from tests.conference import EVENT, PRACTITIONER, PUBLISHED_AT, RECIPIENTS
from tests.databases import empty_sqlite

TEXTS = wording.load(ROOT / "templates")
SENDER = Sender(signer=Signer(b"k" * 32), base_url="https://conference.example")
LEASE = timedelta(seconds=30)
ASKED = EVENT.model_copy(update={"approval": Approval.ONE})
FOUR_EYES = EVENT.model_copy(update={"approval": Approval.FOUR_EYES})
SOON = PUBLISHED_AT + timedelta(minutes=1)


@dataclass
class Desk:
    """One event's mailings with somebody who edits and approves them; `left` is what could have left, and when."""

    database: Database
    now: datetime = SOON
    service: Service = field(init=False)
    left: list[ClaimedLetter] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.service = Service(database=self.database, event=EVENT.key, sender=SENDER, texts=TEXTS)

    @property
    def releasing(self) -> Releasing:
        return Releasing(database=self.database, event=EVENT.key)

    def publish(
        self, event: Event = ASKED, listed: tuple[Recipient, ...] = RECIPIENTS, by: str = "Anna"
    ) -> None:
        self.service.publish(event, listed, self.now, by=by)

    def reword(self, path: str = "invitation/en.txt", more: str = "P.S.", by: str = "Anna") -> None:
        texts = self.service.wording()
        self.service.choose_wording(texts.with_texts({path: texts.texts[path] + more + "\n"}), by, self.now)

    def claimed(self) -> list[ClaimedLetter]:
        """What may leave at this moment: claimed, and let go again."""
        with self.database.writing() as transaction:
            found = claims.claim(transaction, "test", self.now, 100, LEASE, event=EVENT.key)
            held = approvals.held(transaction, EVENT.key)
            claims.release_owner(transaction, "test", self.now)
        assert not any(each.mailing in held for each in found)
        return found

    def plan(self) -> None:
        self.service.plan(self.now)

    def approve(self, mailing: str = "invitation", by: str = "Boris", seen: str | None = None) -> None:
        self.releasing.approve(mailing, by, self.now, seen=seen)

    def mailings(self) -> set[str]:
        return {each.mailing for each in self.claimed()}


@pytest.fixture
def desk(database: Database) -> Desk:
    desk = Desk(database, now=PUBLISHED_AT)
    desk.publish()
    desk.now = SOON
    return desk


def test_what_is_due_and_not_approved_is_not_even_written_down(desk: Desk) -> None:
    desk.plan()

    assert desk.claimed() == []
    with desk.database.reading() as transaction:
        assert letters.progress(transaction, EVENT.key) == []
    (waiting,) = desk.releasing.waiting(desk.now)
    assert (waiting.mailing.key, waiting.is_approved, waiting.last) == ("invitation", False, None)


def test_what_is_approved_leaves(desk: Desk) -> None:
    desk.approve()
    desk.plan()

    assert len(desk.claimed()) == len(RECIPIENTS)
    assert desk.releasing.waiting(desk.now) == []
    assert desk.releasing.sight("invitation", desk.now).is_approved


def test_an_event_that_asks_for_no_approval_is_as_it_was(database: Database) -> None:
    desk = Desk(database)
    desk.publish(EVENT)
    desk.plan()

    assert desk.mailings() == {"invitation"}
    with pytest.raises(ConvenorError, match="asks for no approval"):
        desk.approve()


EDITS: dict[str, tuple[Callable[[Desk], None], str]] = {
    "a word": (lambda desk: desk.reword(), "the wording"),
    "a word that all share": (lambda desk: desk.reword("layout/en.phrases.txt", "{# #}"), "the wording"),
    "somebody more": (
        lambda desk: desk.publish(listed=(*RECIPIENTS, _somebody("new@ministry.example"))),
        "the recipients",
    ),
    "somebody less": (lambda desk: desk.publish(listed=RECIPIENTS[1:]), "the recipients"),
    "another name": (
        lambda desk: desk.publish(
            listed=(RECIPIENTS[0].model_copy(update={"given_name": "X"}), *RECIPIENTS[1:])
        ),
        "the recipients",
    ),
    "another room": (lambda desk: desk.publish(_in_room(ASKED, "Blue room")), "the agenda"),
    "another rule": (lambda desk: desk.publish(_useful(ASKED)), "the agenda"),
}


def _somebody(address: str) -> Recipient:
    return PRACTITIONER.model_copy(update={"address": address})


def _in_room(event: Event, room: str) -> Event:
    venue = event.venue.model_copy(update={"room": room})
    return event.model_copy(update={"venue": venue})


def _useful(event: Event) -> Event:
    first = event.mailings[0].model_copy(update={"useful_until": "1 day before the event starts"})
    return event.model_copy(update={"mailings": (first, *event.mailings[1:])})


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("is_planned", [True, False])
def test_any_change_asks_again_at_once(desk: Desk, edit: str, is_planned: bool) -> None:
    change, what = EDITS[edit]
    desk.approve()
    desk.plan()
    assert desk.claimed()
    desk.now += timedelta(seconds=1)

    change(desk)
    if is_planned:
        desk.plan()

    assert desk.claimed() == []
    found = desk.releasing.sight("invitation", desk.now)
    assert not found.is_approved
    assert found.changed == [what]
    desk.approve()
    desk.plan()
    assert desk.claimed()


def test_what_was_taken_back_by_a_second_edit_is_approved_again_by_a_person(desk: Desk) -> None:
    desk.approve()
    desk.reword()
    desk.plan()
    desk.service.choose_wording(TEXTS, "Anna", desk.now)
    desk.plan()

    assert desk.claimed() == []


def test_an_edit_elsewhere_holds_nothing_up_once_it_was_looked_at(desk: Desk) -> None:
    desk.approve()
    desk.plan()
    desk.reword("report/en.txt")

    assert desk.claimed() == []
    desk.plan()
    assert len(desk.claimed()) == len(RECIPIENTS)


def test_what_people_choose_for_themselves_asks_nobody(desk: Desk) -> None:
    desk.approve()
    desk.plan()
    with desk.database.writing() as transaction:
        member = next(iter(people.each_listed(transaction, EVENT.key)))
        people.record_answer(transaction, member.id, "event", "accepted", desk.now, "page", sequence=0)
        people.prefer(transaction, member.id, Preference(language="fr"), desk.now)

    assert len(desk.claimed()) == len(RECIPIENTS)
    desk.plan()
    assert len(desk.claimed()) == len(RECIPIENTS)


def test_an_approval_that_is_taken_back_holds_what_has_not_left(desk: Desk) -> None:
    desk.approve()
    desk.plan()
    desk.releasing.take_back("invitation", "Boris", desk.now)

    assert desk.claimed() == []
    assert [each.mailing.key for each in desk.releasing.waiting(desk.now)] == ["invitation"]
    with pytest.raises(ConvenorError, match="is not approved"):
        desk.releasing.take_back("invitation", "Boris", desk.now)


def test_a_letter_that_is_claimed_already_is_not_intended(desk: Desk) -> None:
    desk.approve()
    desk.plan()
    with desk.database.writing() as transaction:
        (first, *_) = claims.claim(transaction, "carrier", desk.now, 1, LEASE, event=EVENT.key)
    desk.releasing.take_back("invitation", "Boris", desk.now)

    with desk.database.reading() as transaction:
        assert first.mailing in approvals.held(transaction, EVENT.key)


def test_whoever_saw_another_mailing_approves_nothing(desk: Desk) -> None:
    seen = desk.releasing.sight("invitation", desk.now).matter.digest
    desk.reword()

    with pytest.raises(ConvenorError, match="has changed since you looked"):
        desk.approve(seen=seen)
    desk.approve(seen=desk.releasing.sight("invitation", desk.now).matter.digest)


def test_what_nobody_approved_in_time_is_missed_and_says_so(desk: Desk) -> None:
    desk.now = EVENT.starts_at + timedelta(minutes=1)
    desk.plan()

    with desk.database.reading() as transaction:
        found = {each.occasion.mailing: each.counts for each in letters.progress(transaction, EVENT.key)}
        reasons = {row.reason for row in letters.search(transaction, EVENT.key, mailing="invitation")}
    assert found["invitation"] == {LetterState.MISSED: len(RECIPIENTS)}
    assert UNAPPROVED in reasons
    assert desk.claimed() == []


def _refused(desk: Desk, *people: str, mailing: str = "invitation") -> None:
    for by in people:
        with pytest.raises(ConvenorError, match=f"{by} has had a hand in it"):
            desk.approve(mailing, by=by)


def test_with_four_eyes_nobody_approves_what_they_had_a_hand_in(database: Database) -> None:
    """Not only whoever was last: agenda, list, words; until somebody has approved it."""
    desk = Desk(database)
    desk.publish(FOUR_EYES, by="Anna")
    desk.reword(by="Boris")
    desk.publish(FOUR_EYES, RECIPIENTS[1:], by="Clara")
    _refused(desk, "Anna", "Boris", "Clara")
    desk.approve(by="Dora")

    desk.reword(by="Boris")
    desk.reword(by="Dora")
    _refused(desk, "Boris", "Dora")
    desk.approve(by="Anna")


def test_what_concerns_another_mailing_gives_nobody_a_hand_in_this_one(database: Database) -> None:
    desk = Desk(database)
    desk.publish(FOUR_EYES, by="Anna")
    desk.reword("report/en.txt", by="Boris")
    report = FOUR_EYES.mailing("report")
    titled = tuple(
        each.model_copy(update={"title": "Thanks"}) if each is report else each for each in FOUR_EYES.mailings
    )
    desk.publish(FOUR_EYES.model_copy(update={"mailings": titled}), by="Clara")

    _refused(desk, "Boris", "Clara", mailing="report")
    desk.approve(by="Boris")
    desk.approve(by="Clara")


def test_an_approval_that_was_taken_back_gives_no_editor_their_second_pair_of_eyes(
    database: Database,
) -> None:
    desk = Desk(database)
    desk.publish(FOUR_EYES, by="Anna")
    desk.reword(by="Boris")
    desk.approve(by="Clara")
    desk.releasing.take_back("invitation", "Dora", desk.now)

    _refused(desk, "Anna", "Boris")
    desk.approve(by="Clara")


def test_whoever_approved_their_own_edit_has_shown_it_to_nobody(database: Database) -> None:
    """As they may while one person is enough: with four eyes it is still theirs."""
    desk = Desk(database)
    desk.publish(by="Anna")
    desk.approve(by="Anna")
    desk.publish(FOUR_EYES, by="Clara")

    _refused(desk, "Anna", "Clara")
    desk.approve(by="Boris")
    desk.reword(by="Boris")
    desk.approve(by="Anna")


@pytest.mark.parametrize("approver", ["Anna", "ANNA (command line)"])
def test_whoever_approved_alone_what_they_changed_gives_themselves_no_second_pair_of_eyes(
    database: Database, approver: str
) -> None:
    """One was enough while the policy asked for one; with four eyes somebody else is to see it."""
    desk = Desk(database)
    desk.publish(ASKED, by="Dora")
    desk.approve(by="Boris")
    desk.reword(by="Anna")
    desk.approve(by=approver)
    desk.publish(FOUR_EYES, by="Clara")

    _refused(desk, "Anna", "Clara")
    assert desk.releasing.sight("invitation", desk.now).hands == ("Anna", "Clara")
    desk.approve(by="Boris")
    assert desk.releasing.sight("invitation", desk.now).hands == ()


def test_whoever_puts_the_mailings_in_another_order_has_a_hand_in_none(database: Database) -> None:
    desk = Desk(database)
    desk.publish(FOUR_EYES, by="Anna")
    lists = (RecipientList(file="a.csv"),)
    desk.publish(FOUR_EYES.model_copy(update={"recipient_lists": lists}), by="Boris")
    in_another_order = tuple(reversed(FOUR_EYES.mailings))
    desk.publish(FOUR_EYES.model_copy(update={"mailings": in_another_order}), by="Clara")

    assert desk.releasing.sight("invitation", desk.now).hands == ("Anna",)


def test_an_edit_that_was_undone_by_another_leaves_a_hand_in_it(database: Database) -> None:
    desk = Desk(database)
    desk.publish(FOUR_EYES, by="Anna")
    desk.approve(by="Boris")
    desk.publish(FOUR_EYES.model_copy(update={"title": "Rivers"}), by="Boris")
    desk.plan()
    desk.publish(FOUR_EYES, by="Anna")

    _refused(desk, "Anna", "Boris")
    assert desk.releasing.sight("invitation", desk.now).hands == ("Anna", "Boris")


def test_what_was_looked_at_and_said_the_same_leaves_no_hand(database: Database) -> None:
    """The service has looked: the approval holds for the new edition."""
    desk = Desk(database)
    desk.publish(FOUR_EYES, by="Anna")
    desk.approve(by="Boris")
    desk.reword("report/en.txt", by="Clara")
    desk.plan()

    assert desk.releasing.sight("invitation", desk.now).hands == ()


def test_what_nobody_did_gives_nobody_their_second_pair_of_eyes(database: Database) -> None:
    """Such as a version that follows the clocks."""
    desk = Desk(database)
    desk.publish(FOUR_EYES, by="Anna")
    desk.publish(FOUR_EYES.model_copy(update={"title": "Rivers"}), by="")
    desk.reword(by=wordings.FROM_FILES)

    _refused(desk, "Anna")
    assert desk.releasing.sight("invitation", desk.now).hands == ("Anna",)


def test_who_approved_what_and_why_it_ended_stands_in_the_audit(desk: Desk) -> None:
    desk.approve()
    desk.plan()
    desk.reword()
    desk.plan()
    desk.approve(by="Clara")
    desk.releasing.take_back("invitation", "Clara", desk.now)

    with desk.database.reading() as transaction:
        told = [(each.who, each.did) for each in reversed(audit.deeds(transaction))]
        assert audit.broken_at(transaction) is None
    assert told == [
        ("Boris", "approved"),
        ("Convenor", "asks again for approval"),
        ("Clara", "approved"),
        ("Clara", "took an approval back"),
    ]


def test_letters_about_changes_wait_as_well(desk: Desk) -> None:
    """What makes calendars right leaves by itself, but not past the approver."""
    desk.approve()
    desk.plan()
    with desk.database.writing() as transaction:
        got = claims.claim(transaction, "carrier", desk.now, 100, LEASE, event=EVENT.key)
    assert {each.mailing for each in got} == {"invitation"}
    assert "update" in {each.mailing.key for each in desk.releasing.sights(desk.now)}


# ── whatever happens between ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Seen:
    """What somebody approved, as it was: texts of the kind, people, and the agenda."""

    texts: dict[str, str]
    listed: frozenset[str]
    event: Event


def _of(kind: str, texts: Wording) -> dict[str, str]:
    return {path: text for path, text in texts.texts.items() if path.startswith((f"{kind}/", "layout/"))}


def _as_listed(each: Recipient) -> str:
    return each.model_dump_json(exclude={"language", "timezone"})


def _without_others(event: Event, mailing: str) -> Event:
    return event.model_copy(update={"mailings": tuple(m for m in event.mailings if m.key == mailing)})


@dataclass
class Play:
    """What organisers, people and time do to a desk, and what was approved meanwhile, as it was."""

    desk: Desk
    event: Event = ASKED
    listed: tuple[Recipient, ...] = RECIPIENTS
    texts: Wording = TEXTS
    approved: dict[str, Seen] = field(default_factory=dict)
    number: int = 0

    def approve(self) -> None:
        for key in ("invitation", "agenda"):
            self.desk.approve(key)
            self.approved[key] = Seen(
                texts=_of(self.event.mailing(key).kind, self.texts),
                listed=frozenset(map(_as_listed, self.listed)),
                event=_without_others(self.event, key),
            )

    def take_back(self) -> None:
        for key in list(self.approved):
            if self.desk.releasing.sight(key, self.desk.now).is_approved:
                self.desk.releasing.take_back(key, "Boris", self.desk.now)
            del self.approved[key]

    def reword(self, path: str) -> None:
        self.number += 1
        self.texts = self.texts.with_texts({path: f"{self.texts.texts[path]}{self.number}\n"})
        self.desk.service.choose_wording(self.texts, "Anna", self.desk.now)

    def put_back_the_words(self) -> None:
        self.texts = TEXTS
        self.desk.service.choose_wording(TEXTS, "Anna", self.desk.now)

    def publish(self, event: Event | None = None, listed: tuple[Recipient, ...] | None = None) -> None:
        self.event, self.listed = event or self.event, listed or self.listed
        self.desk.publish(self.event, self.listed)

    def join(self) -> None:
        self.number += 1
        self.publish(listed=(*self.listed, _somebody(f"p{self.number}@ministry.example")))

    def decide(self, what: Callable[[Transaction, int], object]) -> None:
        with self.desk.database.writing() as transaction:
            what(transaction, next(iter(people.each_listed(transaction, EVENT.key))).id)

    def answer(self, transaction: Transaction, who: int) -> None:
        people.record_answer(transaction, who, "event", "declined", self.desk.now, "page", sequence=0)

    def prefer(self, transaction: Transaction, who: int) -> None:
        people.prefer(transaction, who, Preference(language="fr"), self.desk.now)

    def wait(self) -> None:
        self.desk.now += timedelta(days=20)

    def look(self) -> None:
        """Whatever may leave now says what was approved, to whom it was approved, and nothing was changed since."""
        for each in self.desk.claimed():
            seen = self.approved[each.mailing]
            with self.desk.database.reading() as transaction:
                version = agendas.version(transaction, EVENT.key, each.version)
                kept = Wording(texts=agendas.wording(transaction, each.wording))
            kind = self.event.mailing(each.mailing).kind
            assert _of(kind, kept) == seen.texts == _of(kind, self.texts)
            assert _without_others(version.event, each.mailing) == seen.event
            assert _without_others(self.event, each.mailing) == seen.event
            assert _as_listed(each.recipient) in seen.listed
            assert frozenset(map(_as_listed, self.listed)) == seen.listed


def _steps() -> dict[str, Callable[[Play], object]]:
    return {
        "approve": Play.approve,
        "plan": lambda play: play.desk.plan(),
        "wait": Play.wait,
        "reword": lambda play: play.reword("invitation/en.txt"),
        "reword elsewhere": lambda play: play.reword("report/en.txt"),
        "put back the words": Play.put_back_the_words,
        "another room": lambda play: play.publish(_in_room(ASKED, "Blue room")),
        "the old room": lambda play: play.publish(ASKED),
        "somebody joins": Play.join,
        "somebody goes": lambda play: play.publish(listed=play.listed[:-1] or RECIPIENTS),
        "somebody answers": lambda play: play.decide(play.answer),
        "somebody prefers French": lambda play: play.decide(play.prefer),
        "take back": Play.take_back,
    }


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.sampled_from(sorted(STEPS := _steps())), min_size=4, max_size=18))
def test_nothing_leaves_that_was_not_approved_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    with _opened(tmp_path_factory.mktemp("any")) as desk:
        play = Play(desk)
        for step in steps:
            desk.now += timedelta(seconds=1)
            STEPS[step](play)
            play.look()


class _opened:  # noqa: N801 - read like a function
    def __init__(self, folder: Path) -> None:
        self._database = open_database(empty_sqlite(folder))

    def __enter__(self) -> Desk:
        desk = Desk(self._database, now=PUBLISHED_AT)
        desk.publish()
        desk.now = SOON
        return desk

    def __exit__(self, *_: object) -> None:
        self._database.close()
