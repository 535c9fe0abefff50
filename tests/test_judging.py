"""What follows from a mail: the decisions alone, as values."""

from datetime import UTC, datetime, timedelta

import pytest

from mailer.inbox.bounces import Report
from mailer.inbox.replies import Reply
from mailer.inbox.sorting import Kind, Mail
from mailer.judging import (
    Answerer,
    Given,
    Judgement,
    Noted,
    is_ours,
    is_same,
    judge,
    judge_answer,
    judge_report,
)
from mailer.outbox.incoming import Held, Reader
from mailer.outbox.schema import Answer, IncomingState, Trouble

S = IncomingState
AT = datetime(2027, 1, 14, 9, tzinfo=UTC)
ANA = Reader(
    recipient_id=7,
    event="cybercrime-2027",
    address="ana.novak@prosecution.example",
    joined_at=AT - timedelta(days=3),
)
HELD = Held(reader=ANA, anchor="event", sequence_sent=2)
YES = Reply(
    method="REPLY",
    uid="u@conference.example",
    attendee=ANA.address,
    partstat="ACCEPTED",
    sequence=2,
    stamped_at=AT,
)


def mail(kind: Kind, **facts: object) -> Mail:
    return Mail(kind=kind, why="because", **facts)  # type: ignore[arg-type]


def test_an_answer_counts_for_the_one_whose_entry_it_answers() -> None:
    given = Given(
        recipient_id=7, anchor="event", answer=Answer.ACCEPTED, at=AT, sequence=2, comment="", is_current=True
    )
    assert judge_answer(YES, HELD, None, AT) == Judgement(
        state=S.SORTED, outcome="accepted", recipient_id=7, answer=given
    )


@pytest.mark.parametrize(
    ("sequence", "is_current", "kept"), [(0, False, 0), (1, False, 1), (2, True, 2), (9, True, 2)]
)
def test_only_the_version_that_was_last_sent_is_answered(sequence: int, is_current: bool, kept: int) -> None:
    reply = Reply(**{**vars(YES), "sequence": sequence})
    given = judge_answer(reply, HELD, None, AT).answer
    assert given
    assert (given.is_current, given.sequence) == (is_current, kept)


@pytest.mark.parametrize(
    ("stamped_at", "counts_from"),
    [
        (AT - timedelta(hours=1), AT - timedelta(hours=1)),
        (AT - timedelta(days=3), AT - timedelta(days=3)),
        (None, AT),
        (AT + timedelta(days=900), AT),
        (AT - timedelta(days=4), AT),
        (datetime(1, 1, 1, tzinfo=UTC), AT),
    ],
)
def test_a_stamp_counts_unless_it_is_missing_or_ahead_or_from_before_anybody_was_asked(
    stamped_at: datetime | None, counts_from: datetime
) -> None:
    given = judge_answer(Reply(**{**vars(YES), "stamped_at": stamped_at}), HELD, None, AT).answer
    assert given
    assert given.at == counts_from


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"trouble": "it holds no event"}, "it holds no event"),
        ({"attendee": "assistant@prosecution.example"}, "somebody answers for an entry that is another's"),
        ({"method": "COUNTER"}, "it proposes another time"),
        ({"partstat": "NEEDS-ACTION"}, "it neither accepts nor declines"),
        ({"partstat": "X-MAYBE"}, "it neither accepts nor declines"),
    ],
)
def test_what_cannot_count_is_for_a_person(change: dict[str, str], outcome: str) -> None:
    judged = judge_answer(Reply(**{**vars(YES), **change}), HELD, None, AT)
    assert judged == Judgement(state=S.OPEN, outcome=outcome, recipient_id=7)


def test_an_answer_to_nothing_is_for_a_person() -> None:
    outcome = "it answers an entry that nobody here has"
    assert judge_answer(YES, None, None, AT) == Judgement(state=S.OPEN, outcome=outcome)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ana@Prosecution.example", "ana@prosecution.example", True),
        ("ana@bücher.example", "ana@xn--bcher-kva.example", True),
        ("ana@BÜCHER.example", "ana@bücher.example", True),
        ("ana@prosecution.example", "an@prosecution.example", False),
        ("ana@" + "x" * 70 + ".example", "ana@" + "x" * 70 + ".example", True),
        ("", "", True),
    ],
)
def test_addresses_are_the_same_in_whatever_form(one: str, other: str, same: bool) -> None:
    assert is_same(one, other) is same


def test_a_report_with_our_sign_is_noted_at_its_reader() -> None:
    report = Report(address=ANA.address, action="failed", status="5.1.1", words="no such user")
    noted = Noted(recipient_id=7, trouble=Trouble.HARD, status="5.1.1", words="no such user")
    assert judge_report((report,), ANA, None) == Judgement(
        state=S.SORTED, outcome="the address is wrong", recipient_id=7, trouble=noted
    )
    assert judge_report((report,), None, ANA).trouble is None
    assert judge_report((report,), None, ANA).state is S.OPEN
    assert judge_report((report,), None, None).state is S.SORTED


@pytest.mark.parametrize("kind", [Kind.OUT_OF_OFFICE, Kind.AUTOMATIC])
def test_what_machines_send_has_no_consequence(kind: Kind) -> None:
    judged = judge(mail(kind), held=None, reader=ANA, known=None, at=AT)
    assert judged == Judgement(state=S.SORTED, outcome="because", recipient_id=7)


def test_a_wish_to_stop_needs_our_sign() -> None:
    assert judge(mail(Kind.UNSUBSCRIBE), held=None, reader=ANA, known=None, at=AT).unsubscribes
    unproven = judge(mail(Kind.UNSUBSCRIBE), held=None, reader=None, known=ANA, at=AT)
    assert (unproven.state, unproven.unsubscribes) == (S.OPEN, False)


@pytest.mark.parametrize(
    ("answerer", "address"),
    [
        (Answerer(), ""),
        (Answerer(named="help@conference.example"), "help@conference.example"),
        (Answerer(accounts=("returns@conference.example",)), "secretariat@conference.example"),
        (Answerer(accounts=("Secretariat@conference.example",)), ""),
        (Answerer(accounts=("user4711",)), ""),
    ],
)
def test_questions_go_to_whoever_does_not_have_them_already(answerer: Answerer, address: str) -> None:
    assert answerer.address("secretariat@conference.example") == address


def test_what_we_wrote_is_ours_unless_it_answers_or_reports() -> None:
    ours = "secretariat@conference.example"
    assert is_ours(mail(Kind.QUESTION, sender=ours.upper()), ours)
    assert not is_ours(mail(Kind.ANSWER, sender=ours), ours)
    assert not is_ours(mail(Kind.QUESTION, sender="ana@prosecution.example"), ours)
