"""Every sentence a rule may be, every refusal, and that nothing else ever comes of a text."""

import re
from datetime import UTC, datetime, time, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailer.agenda.rules import EACH_SESSION, EVENT, PUBLICATION, Clock, Edge, Rule, parse

VIENNA_IN_WINTER = timezone(timedelta(hours=1))

SENTENCES = {
    "the event starts": Rule(),
    "event starts": Rule(),
    "the event ends": Rule(edge=Edge.END),
    "session-2 ends": Rule(anchor="session-2", edge=Edge.END),
    "each session starts": Rule(anchor=EACH_SESSION),
    "15 minutes before each session starts": Rule(anchor=EACH_SESSION, elapsed=timedelta(minutes=-15)),
    "1 hour after session-2 ends": Rule(anchor="session-2", edge=Edge.END, elapsed=timedelta(hours=1)),
    "90 seconds before the event starts": Rule(elapsed=timedelta(seconds=-90)),
    "1 day before the event starts": Rule(days=-1),
    "180 days before the event starts": Rule(days=-180),
    "2 weeks after the event ends": Rule(edge=Edge.END, days=14),
    "156 weeks before the event starts": Rule(days=-1092),
    "as soon as published": Rule(anchor=PUBLICATION),
    "5 minutes after publication": Rule(anchor=PUBLICATION, elapsed=timedelta(minutes=5)),
    "3 days after publication, weekdays only": Rule(anchor=PUBLICATION, days=3, weekdays_only=True),
    "1 day before the event starts, at 9:00": Rule(days=-1, at=time(9)),
    "1 day before the event starts, at 00:00": Rule(days=-1, at=time()),
    "1 day before the event starts, at 18:30 venue time": Rule(days=-1, at=time(18, 30)),
    "the event starts, at 07:00 recipient time": Rule(at=time(7), clock=Clock.RECIPIENT),
    "30 days before the event starts, on weekdays, at 09:00 recipient": Rule(
        days=-30, at=time(9), clock=Clock.RECIPIENT, weekdays_only=True
    ),
    "  2 Days BEFORE  the\n Event starts ,  AT 09:00 Recipient time ,Weekdays only ": Rule(
        days=-2, at=time(9), clock=Clock.RECIPIENT, weekdays_only=True
    ),
    "2027-03-10 09:00": Rule(instant=datetime(2027, 3, 10, 9)),  # noqa: DTZ001 - the venue's clock
    "2027-03-10T09:00:30": Rule(instant=datetime(2027, 3, 10, 9, 0, 30)),  # noqa: DTZ001
    "2027-03-10 09:00Z": Rule(instant=datetime(2027, 3, 10, 9, tzinfo=UTC)),
    "2027-03-10 09:00 +01:00": Rule(instant=datetime(2027, 3, 10, 9, tzinfo=VIENNA_IN_WINTER)),
}

NOT_UNDERSTOOD = "is not understood; write it like '30 days before the event starts, at 09:00'"
NOT_A_TIME = "is not a date and time; write it like 2027-03-10 09:00"
AFTER_THE_COMMA = "is not understood; after the comma comes 'at HH:MM venue time'"
GOES_WITH_DAYS = "'at HH:MM' goes with days or weeks before or after the event or a session"

REFUSED = {
    "": f"'' {NOT_UNDERSTOOD}",
    "tomorrow": f"'tomorrow' {NOT_UNDERSTOOD}",
    "15 minutes before each sessions starts": f"'15 minutes before each sessions starts' {NOT_UNDERSTOOD}",
    "-3 days before the event starts": f"'-3 days before the event starts' {NOT_UNDERSTOOD}",
    "1.5 days before the event starts": f"'1.5 days before the event starts' {NOT_UNDERSTOOD}",
    "3 months before the event starts": f"'3 months before the event starts' {NOT_UNDERSTOOD}",
    "the event starts,": f"'' {AFTER_THE_COMMA}",
    "the event starts, at noon": f"'at noon' {AFTER_THE_COMMA}",
    "1 day before the event starts, at 24:00": "'at 24:00' is not a time of day (00:00 to 23:59)",
    "1 day before the event starts, at 09:60": "'at 09:60' is not a time of day (00:00 to 23:59)",
    "1 day before the event starts, at 09:00, at 10:00": "'at 10:00': that has been said before",
    "the event ends, weekdays only, on weekdays": "'on weekdays': that has been said before",
    "2 hours before the event starts, at 09:00": GOES_WITH_DAYS,
    "as soon as published, at 09:00": GOES_WITH_DAYS,
    "0 days before the event starts": "count from 1, or leave '0 …' out",
    "publication": "'publication': publication has no before; write 'as soon as published'",
    "1 hour before publication": "'1 hour before publication': publication has no before",
    "1099 days before the event starts": "'1099 days before the event starts' lies more than three years away",
    "157 weeks after the event ends": "'157 weeks after the event ends' lies more than three years away",
    "27000 hours after the event ends": "'27000 hours after the event ends' lies more than three years away",
    "2027-03-10": f"'2027-03-10' {NOT_A_TIME}",
    "2027-03-10 09": f"'2027-03-10 09' {NOT_A_TIME}",
    "2027-03-10 24:00": f"'2027-03-10 24:00' {NOT_A_TIME}",
    "2027-3-10 09:00": f"'2027-3-10 09:00' {NOT_A_TIME}",
    "1027-03-10 09:00": f"'1027-03-10 09:00' {NOT_A_TIME}",
    "2027-02-31 09:00": "'2027-02-31 09:00' is not a date and time (day is out of range for month); write",
    "2027-03-10 09:00, weekdays only": "'weekdays only': a date and time stands alone",
    "2027-03-10 09:00, at 10:00": "'at 10:00': a date and time stands alone",
}


@pytest.mark.parametrize(("sentence", "rule"), SENTENCES.items())
def test_a_sentence_states_a_rule(sentence: str, rule: Rule) -> None:
    assert parse(sentence) == rule


@pytest.mark.parametrize(("sentence", "message"), REFUSED.items())
def test_a_refusal_says_which_part_and_shows_the_form(sentence: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse(sentence)


def test_only_a_rule_about_each_session_is_per_session() -> None:
    assert [sentence for sentence, rule in SENTENCES.items() if rule.per_session] == [
        "each session starts",
        "15 minutes before each session starts",
    ]


def test_a_refusal_quotes_neither_an_endless_text_nor_control_characters() -> None:
    with pytest.raises(ValueError, match=r"^'\\x1b\[31mx{10,80}' is not understood") as refused:
        parse("\x1b[31m" + "x" * 100_000)
    assert len(str(refused.value)) < 300


PIECES = (
    (
        "the",
        "event",
        "each",
        "session",
        "session-2",
        "starts",
        "ends",
        "publication",
        "as",
        "soon",
        "published",
    ),
    ("0", "1", "15", "99999", "٣", "²", "days", "week", "hour", "minutes", "before", "after", ","),
    ("at", "09:00", "24:00", "9:5", "recipient", "venue", "time", "weekdays", "only"),
    ("2027-03-10", "2027-02-31", "0001-01-01", "9999-12-31", "+14:00", "-99:99", "Z", "T"),
)
WORDS = [piece for pieces in PIECES for piece in pieces]


@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)))
@example("0001-01-01 00:00+14:00")
@example("२०२७-03-10 09:00")
def test_any_text_is_a_rule_or_a_value_error(text: str) -> None:
    try:
        rule = parse(text)
    except ValueError:
        return
    assert rule.instant is None or (rule.anchor, rule.days, rule.at) == (EVENT, 0, None)
    assert abs(timedelta(days=rule.days) + rule.elapsed) <= timedelta(days=3 * 366)
