"""What an approval is bound to, and who may give it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.agenda.attaching import HandedIn, attach
from mailer.agenda.model import UNASKED, Approval, Event, Mailing, MailingKind
from mailer.approving import Matter, _said_of, edited, matters, refusal
from mailer.composition.wording import Wording, load
from mailer.settings import ROOT
from tests.conference import EVENT, FOCAL_POINT, PRACTITIONER, RECIPIENTS

TEXTS = load(ROOT / "templates")
INVITATION = EVENT.mailing("invitation")
SESSION_REMINDER = EVENT.mailing("session-reminder")
ALL = (*EVENT.mailings, *UNASKED.values())


def matter(mailing=INVITATION, event=EVENT, texts=TEXTS, people=RECIPIENTS) -> Matter:  # type: ignore[no-untyped-def]
    return matters(event, [mailing], texts, people)[mailing.key]


def test_the_same_gives_the_same_whatever_the_order_of_the_people() -> None:
    assert matter(people=RECIPIENTS[::-1]) == matter()
    assert matter().digest == matter().digest


def test_a_word_in_its_wording_changes_the_wording_alone() -> None:
    texts = TEXTS.with_texts({"invitation/en.txt": TEXTS.texts["invitation/en.txt"] + "."})

    assert matter(texts=texts).differs(matter()) == ["the wording"]
    assert matter(EVENT.mailing("agenda"), texts=texts) == matter(EVENT.mailing("agenda"))


def test_what_all_kinds_share_is_wording_of_each() -> None:
    texts = TEXTS.with_texts({"layout/frame.txt": TEXTS.texts["layout/frame.txt"] + "."})

    before, after = matters(EVENT, ALL, TEXTS, RECIPIENTS), matters(EVENT, ALL, texts, RECIPIENTS)
    assert all(after[key].differs(before[key]) == ["the wording"] for key in before)


def test_a_session_that_moves_changes_the_agenda_of_every_mailing() -> None:
    first = EVENT.sessions[0].model_copy(update={"room": "Another room"})
    event = EVENT.model_copy(update={"sessions": (first, *EVENT.sessions[1:])})

    before, after = matters(EVENT, ALL, TEXTS, RECIPIENTS), matters(event, ALL, TEXTS, RECIPIENTS)
    assert all(after[key].differs(before[key]) == ["the agenda"] for key in before)


def test_another_mailing_is_no_matter() -> None:
    others = tuple(m for m in EVENT.mailings if m.key != "report")

    assert matter(event=EVENT.model_copy(update={"mailings": others})) == matter()


def test_a_name_that_is_corrected_changes_the_recipients() -> None:
    corrected = PRACTITIONER.model_copy(update={"family_name": "Another"})
    people = tuple(corrected if each is PRACTITIONER else each for each in RECIPIENTS)

    assert matter(people=people).differs(matter()) == ["the recipients"]


def test_a_language_and_a_time_zone_are_their_readers_own_affair() -> None:
    chosen = PRACTITIONER.model_copy(update={"language": "ar", "timezone": "Asia/Almaty"})
    people = tuple(chosen if each is PRACTITIONER else each for each in RECIPIENTS)

    assert matter(people=people) == matter()


def test_whoever_could_answer_their_way_into_an_audience_is_among_its_people() -> None:
    without = tuple(each for each in RECIPIENTS if each is not FOCAL_POINT)

    assert matter(SESSION_REMINDER, people=without).differs(matter(SESSION_REMINDER)) == ["the recipients"]


def test_who_can_never_be_in_an_audience_is_no_matter() -> None:
    asked = INVITATION.model_copy(update={"audience": f"role = {PRACTITIONER.role} and answer = none"})
    without = tuple(each for each in RECIPIENTS if each is not FOCAL_POINT)
    assert FOCAL_POINT.role != PRACTITIONER.role

    assert matter(asked, people=without) == matter(asked)


@given(st.sampled_from(sorted(TEXTS.texts)), st.text(min_size=1, max_size=5))
def test_each_text_counts_for_its_kind_and_no_other(path: str, more: str) -> None:
    texts = Wording(texts={**TEXTS.texts, path: TEXTS.texts[path] + more})
    before, after = matters(EVENT, ALL, TEXTS, ()), matters(EVENT, ALL, texts, ())
    folder = path.partition("/")[0]

    touched = {key for key in before if before[key] != after[key]}
    kinds = {m.key for m in ALL if folder in {"layout", m.kind.value}}
    assert touched == kinds
    assert folder == "layout" or folder in {kind.value for kind in MailingKind}


@pytest.mark.parametrize(
    ("policy", "by", "hands", "refused"),
    [
        (Approval.NONE, "Anna", (), True),
        (Approval.ONE, "Anna", ("Anna",), False),
        (Approval.ONE, "Anna", (), False),
        (Approval.FOUR_EYES, "Anna", ("Anna",), True),
        (Approval.FOUR_EYES, "Anna", ("Anna", "Boris"), True),
        (Approval.FOUR_EYES, "Boris", ("Anna", "Boris"), True),
        (Approval.FOUR_EYES, "anna", ("ANNA",), True),
        (Approval.FOUR_EYES, "anna (command line)", ("Anna",), True),
        (Approval.FOUR_EYES, "Anna", ("anna (command line)",), True),
        (Approval.FOUR_EYES, "Anna", ("Boris", "Clara"), False),
        (Approval.FOUR_EYES, "Anna", (), False),
    ],
)
def test_who_may_approve(policy: Approval, by: str, hands: tuple[str, ...], refused: bool) -> None:
    assert bool(refusal(policy, by, hands)) is refused


def test_what_an_edit_touches_is_all_mailings_or_those_it_is_about() -> None:
    def with_mailings(*mailings: Mailing) -> Event:
        return EVENT.model_copy(update={"mailings": mailings})

    first, *others = EVENT.mailings
    new = first.model_copy(update={"key": "another"})
    assert edited(EVENT, EVENT) == (False, frozenset())
    assert edited(EVENT, with_mailings(*reversed(EVENT.mailings))) == (False, frozenset())
    later = first.model_copy(update={"when": "10 days before the event starts"})
    assert edited(EVENT, with_mailings(later, *others)) == (False, frozenset({first.key}))
    assert edited(EVENT, with_mailings(new, *others)) == (False, frozenset({first.key, "another"}))
    assert edited(EVENT, EVENT.model_copy(update={"title": "Rivers"})) == (True, frozenset())


def test_another_content_under_the_same_name_changes_the_agenda() -> None:
    def carrying(content: bytes) -> Matter:
        event = attach(EVENT, "invitation", [HandedIn(given="programme.pdf", content=content)])
        return matter(event.mailing("invitation"))

    assert carrying(b"one").differs(matter()) == ["the agenda"]
    assert carrying(b"one").differs(carrying(b"two")) == ["the agenda"]
    assert carrying(b"one") == carrying(b"one")


def test_what_was_approved_before_there_were_attachments_holds() -> None:
    """A mailing without files says what it said then, so that nobody is asked again by an upgrade."""
    assert "attachments" not in _said_of(INVITATION)
