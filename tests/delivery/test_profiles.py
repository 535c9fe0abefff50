"""The table of mail servers: sound rows, the right one for a host, one's own figures over it."""

import pytest

from mailer.delivery.profiles import OWN, PROFILES, TRAY, Limit, Profile, adjusted, guessed

(SANDBOX,) = (each for each in PROFILES if each.name == "amazon-ses-sandbox")


@pytest.mark.parametrize("profile", [*PROFILES, TRAY], ids=lambda profile: profile.name)
def test_a_row_can_be_worked_with_and_says_where_it_is_from(profile: Profile) -> None:
    assert profile.connections >= 1
    assert profile.letters_per_connection >= 1
    assert profile.per_day is None or profile.per_day >= 1
    assert profile.rate is None or profile.rate.letters >= 1
    assert profile.reckoned_rate > 0
    assert profile.source


def test_names_are_told_once() -> None:
    names = [profile.name for profile in PROFILES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("smtp.office365.com", "microsoft365"),
        ("SMTP.Office365.com", "microsoft365"),
        ("smtp.gmail.com", "google-workspace"),
        ("smtp-relay.gmail.com", "google-relay"),
        ("email-smtp.eu-central-1.amazonaws.com", "amazon-ses"),
        ("email-smtp-fips.us-east-1.amazonaws.com", "amazon-ses"),
        ("mail.ministry.example", "own"),
        ("smtp.gmail.com.ministry.example", "own"),
        ("127.0.0.1", "own"),
    ],
)
def test_a_host_says_whose_it_is(host: str, name: str) -> None:
    assert guessed(host).name == name


def test_ones_own_figures_go_before_the_tables() -> None:
    microsoft = guessed("smtp.office365.com")

    assert adjusted(microsoft) == microsoft
    faster = adjusted(microsoft, connections=2, per_minute=60, per_day=500, per_domain=10)
    assert (faster.connections, faster.rate, faster.per_day) == (2, Limit(letters=60, seconds=60.0), 500)
    assert faster.per_domain == Limit(letters=10, seconds=60.0)
    assert faster.letters_per_connection == microsoft.letters_per_connection
    assert adjusted(OWN, per_minute=600).rate == Limit(letters=600, seconds=60.0)


def test_one_may_reckon_with_the_lines_and_no_more_than_the_limit() -> None:
    assert OWN.reckoned_rate == pytest.approx(100)
    assert guessed("smtp.office365.com").reckoned_rate == pytest.approx(0.5)
    assert SANDBOX.reckoned_rate == pytest.approx(1)
