"""Whether a timetable can be kept: when each undertaking is through, and which comes too late."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from mailer.delivery.profiles import OWN, guessed
from mailer.feasibility import Prospect, Undertaking, prospects

NOW = datetime(2027, 3, 10, 7, tzinfo=UTC)
VIENNA = ZoneInfo("Europe/Vienna")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MICROSOFT, GOOGLE = guessed("smtp.office365.com"), guessed("smtp.gmail.com")


def letters(count: int, *, due: timedelta = HOUR, useful: timedelta = 2 * HOUR) -> Undertaking:
    return Undertaking(due_at=NOW + due, useful_until=NOW + useful, letters=count)


def test_what_is_through_in_time_has_its_end_and_no_trouble() -> None:
    assert prospects(MICROSOFT, [letters(300)], NOW, VIENNA) == [Prospect(ends_at=NOW + HOUR + 10 * MINUTE)]


def test_what_the_rate_makes_too_late_is_told_in_the_venues_time() -> None:
    (found,) = prospects(MICROSOFT, [letters(3000)], NOW, VIENNA)

    assert found.is_certain
    assert found.ends_at == NOW + HOUR + 100 * MINUTE
    assert found.trouble == (
        "3,000 letters due Wed 10 Mar 2027 09:00 would be through on Wed 10 Mar 2027 10:40, and are useful until "
        "Wed 10 Mar 2027 10:00: the mail server (microsoft365) takes 30 letters a minute and 10,000 letters a day"
    )


def test_mailings_of_one_day_share_the_quota() -> None:
    first, second = letters(1500, useful=DAY), letters(1500, due=2 * HOUR, useful=20 * HOUR)
    for alone in (first, second):
        assert not prospects(GOOGLE, [alone], NOW, VIENNA)[0].trouble

    early, late = prospects(GOOGLE, [first, second], NOW, VIENNA)
    assert not early.trouble
    assert late.is_certain
    assert "takes 2,000 letters a day" in late.trouble


def test_what_left_before_counts_in_the_quota() -> None:
    sent = [(NOW - HOUR, 1800)]
    (found,) = prospects(GOOGLE, [letters(300, useful=12 * HOUR)], NOW, VIENNA, sent=sent)

    assert found.is_certain


def test_without_limits_what_is_only_reckoned_is_not_certain() -> None:
    (found,) = prospects(OWN, [letters(1_000_000)], NOW, VIENNA)

    assert found.trouble.endswith("the mail server (own) takes some 6,000 letters a minute, by guess")
    assert not found.is_certain


def test_what_is_never_through_is_said_to_be_so() -> None:
    (found,) = prospects(replace(OWN, per_day=1), [letters(1_000_000)], NOW, VIENNA)

    assert found.ends_at is None
    assert "would be through never" in found.trouble


def test_no_letters_are_no_trouble() -> None:
    assert prospects(MICROSOFT, [letters(0, useful=timedelta())], NOW, VIENNA) == [Prospect()]
    assert prospects(MICROSOFT, [], NOW, VIENNA) == []
