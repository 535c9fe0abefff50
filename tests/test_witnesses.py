"""What each witness knows, how often it is asked, and what all of them together say of a letter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from mailer import witnesses
from mailer.errors import ConvenorError
from mailer.inbox.sent import Looked
from mailer.outbox.doubts import Doubt
from mailer.outbox.letter import LetterState
from mailer.outbox.letters import LetterRow
from mailer.witnesses import (
    ASKED_ABOUT,
    COPIES_ARE_FILED_WITHIN,
    EVIDENCE_COMES_WITHIN,
    THE_TRAY,
    Evidence,
    SentWitness,
    Statement,
    TrayWitness,
    Witness,
    hear,
)
from tests.conference import PRACTITIONER

NOW = datetime(2027, 3, 10, 8, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
RELAY = "smtp://mail.ministry.example:25"
ONE, TWO, THREE = "<1@x.example>", "<2@x.example>", "<3@x.example>"

LETTER = LetterRow(
    id=7, occasion_id=1, event="conference", mailing="invitation", anchor="event", due_at=NOW, recipient_id=3,
    handle="h", recipient=PRACTITIONER, version=1, wording="w", dated_at=NOW, state=LetterState.IN_DOUBT, reason="",
    attempts=1, next_attempt_at=NOW, intent_at=NOW, settled_at=None, repeated_at=None, content="", reply="",
    upkeep=None,
)  # fmt: skip
DOUBT = Doubt(
    letter=LETTER,
    useful_until=NOW + 24 * HOUR,
    through=RELAY,
    doubted_at=NOW,
    is_asked=True,
    answered_at=None,
)


@dataclass
class Mailbox:
    """A Sent folder, and what it was asked each time."""

    holds: set[str] = field(default_factory=set)
    trouble: str = ""
    asked: list[list[str]] = field(default_factory=list)

    def look(self, message_ids: Sequence[str]) -> Looked:
        self.asked.append(list(message_ids))
        if self.trouble:
            return Looked(trouble=self.trouble)
        found = self.holds & set(message_ids)
        return Looked(found=frozenset(found), missing=frozenset(message_ids) - found)


def test_the_tray_can_say_what_it_never_had() -> None:
    tray = TrayWitness(holds={ONE}.__contains__)
    said = tray.testify({ONE: NOW, TWO: NOW}, NOW)
    assert said == Statement(asked=frozenset({ONE, TWO}), found=frozenset({ONE}), not_found=frozenset({TWO}))


def test_the_sent_folder_can_only_say_what_it_has() -> None:
    sent = SentWitness(look=Mailbox(holds={ONE}).look)
    assert sent.testify({ONE: NOW, TWO: NOW}, NOW) == Statement(
        asked=frozenset({ONE, TWO}), found=frozenset({ONE})
    )


def test_each_is_asked_of_what_went_its_way() -> None:
    through_the_tray = replace(DOUBT, through=THE_TRAY)
    tray, sent = TrayWitness(holds=bool), SentWitness(look=Mailbox().look)
    assert (tray.knows_of(through_the_tray), tray.knows_of(DOUBT)) == (True, False)
    assert (sent.knows_of(through_the_tray), sent.knows_of(DOUBT)) == (False, True)


def test_the_sent_folder_is_read_every_minute_at_first_and_then_every_hour() -> None:
    mailbox = Mailbox()
    sent = SentWitness(look=mailbox.look)
    looked_at: list[timedelta] = []
    for seconds in range(0, 4 * 3600, 10):
        after = timedelta(seconds=seconds)
        if sent.testify({ONE: NOW}, NOW + after).asked:
            looked_at.append(after)
    assert looked_at[:3] == [0 * MINUTE, MINUTE, 2 * MINUTE]
    assert looked_at[59:] == [59 * MINUTE, 119 * MINUTE, 179 * MINUTE, 239 * MINUTE]


def test_one_that_has_just_come_into_doubt_does_not_wait_for_the_others() -> None:
    mailbox = Mailbox()
    sent = SentWitness(look=mailbox.look)
    sent.testify({ONE: NOW}, NOW)
    sent.testify({ONE: NOW, TWO: NOW + SECOND}, NOW + SECOND)
    assert mailbox.asked == [[ONE], [TWO]]


def test_one_look_is_about_so_many_letters_at_most_and_the_newest_go_first() -> None:
    mailbox = Mailbox()
    sent = SentWitness(look=mailbox.look)
    since = {f"<{n}@x.example>": NOW + n * SECOND for n in range(ASKED_ABOUT + 5)}
    now = NOW + 10 * MINUTE
    assert len(sent.testify(since, now).asked) == ASKED_ABOUT
    assert mailbox.asked[0][0] == f"<{ASKED_ABOUT + 4}@x.example>"
    assert sent.testify(since, now + SECOND).asked == {f"<{n}@x.example>" for n in range(5)}


def test_what_is_settled_is_forgotten() -> None:
    sent = SentWitness(look=Mailbox().look)
    for n in range(50):
        sent.testify({f"<{n}@x.example>": NOW}, NOW + n * HOUR)
    assert len(sent._asked_at) == 1


def test_a_mailbox_that_cannot_be_read_has_not_been_asked() -> None:
    away = SentWitness(look=Mailbox(trouble="imaps://x cannot be read: timed out").look)
    assert away.testify({ONE: NOW}, NOW) == Statement(trouble="imaps://x cannot be read: timed out")

    def refuse(_: Sequence[str]) -> Looked:
        raise ConvenorError("no access token")

    assert SentWitness(look=refuse).testify({ONE: NOW}, NOW) == Statement(trouble="no access token")


@dataclass(frozen=True)
class Knows:
    """A witness that says this of everything."""

    name: str
    said: Statement
    speaks_within: timedelta = MINUTE

    def knows_of(self, doubt: Doubt) -> bool:
        return doubt is not OTHER

    def testify(self, since: Mapping[str, datetime], now: datetime) -> Statement:
        assert OTHER.doubted_at not in since.values()
        return self.said


OTHER = replace(DOUBT, doubted_at=NOW + HOUR)


def evidence(*heard: Witness) -> tuple[Evidence, tuple[str, ...]]:
    told, troubles = hear(heard, {ONE: DOUBT, TWO: OTHER}, NOW)
    assert told[TWO] == Evidence()
    return told[ONE], troubles


def test_who_says_a_thing_first_is_named_and_who_could_not_be_asked_is_told_apart() -> None:
    asked = frozenset({ONE})
    knows = Knows("the log", Statement(asked=asked, found=asked))
    never = Knows("the tray", Statement(asked=asked, not_found=asked))
    knows_nothing = Knows("the folder", Statement(asked=asked), speaks_within=HOUR)
    away = Knows("the other", Statement(trouble="away"))

    assert evidence() == (Evidence(), ())
    assert evidence(knows_nothing) == (Evidence(comes_within=HOUR), ())
    assert evidence(knows, replace_name(knows, "again")) == (Evidence(found="the log"), ())
    assert evidence(never)[0] == Evidence(not_found="the tray")
    assert evidence(away, knows) == (Evidence(found="the log", unheard="the other"), ("away",))


def replace_name(knows: Knows, name: str) -> Knows:
    return replace(knows, name=name)


def test_a_folder_is_given_longer_than_a_reader() -> None:
    assert COPIES_ARE_FILED_WITHIN > EVIDENCE_COMES_WITHIN > witnesses.TrayWitness(holds=bool).speaks_within
