"""What a delivery report says of an address, and how bad it is."""

import pytest

from mailer.inbox import bounces, sorting
from mailer.inbox.bounces import MOST_GROUPS, Report, Severity
from tests.inbox import mails

ANA = "ana.novak@prosecution.example"


@pytest.mark.parametrize(
    ("action", "status", "severity"),
    [
        ("failed", "5.1.1", Severity.HARD),
        ("failed", "5.1.10", Severity.HARD),
        ("failed", "5.2.1", Severity.HARD),
        ("failed", "5.4.1", Severity.HARD),
        ("failed", "5.0.0", Severity.HARD),
        ("failed", "", Severity.HARD),
        ("failed", "5.2.2", Severity.SOFT),
        ("failed", "5.7.1", Severity.SOFT),
        ("failed", "4.4.7", Severity.SOFT),
        ("delayed", "4.4.1", Severity.SOFT),
        ("delayed", "5.1.1", Severity.SOFT),
        ("delayed", "", Severity.SOFT),
        ("delivered", "2.0.0", Severity.NONE),
        ("delivered", "5.1.1", Severity.NONE),
        ("relayed", "", Severity.NONE),
        ("expanded", "", Severity.NONE),
    ],
)
def test_how_bad_it_is_follows_from_action_and_status(action: str, status: str, severity: Severity) -> None:
    assert Report(action=action, status=status).severity is severity


def test_a_report_by_the_standard_is_read() -> None:
    found = sorting.sort(mails.report("returns@conference.example", ANA))
    assert found.reports == (
        Report(address=ANA, action="failed", status="5.1.1", words="smtp; 550 5.1.1 unknown user"),
    )


def test_of_a_thousand_recipients_some_are_read() -> None:
    everybody = [f"p{number}@prosecution.example" for number in range(1000)]
    assert len(sorting.sort(mails.report("returns@conference.example", *everybody)).reports) == MOST_GROUPS


def test_a_report_is_about_the_one_it_names_or_the_only_one() -> None:
    ana, other = Report(address=ANA.upper(), action="failed"), Report(address="other@prosecution.example")
    assert bounces.about([other, ana], ANA) == ana
    assert bounces.about([other], ANA) == other
    assert bounces.about([other, other], ANA) is None
    assert bounces.about([], ANA) is None


@pytest.mark.parametrize(("server", "hard"), [(name, "temporary" not in name) for name in mails.SERVERS])
def test_reports_of_many_servers_are_read(server: str, hard: bool) -> None:
    found = sorting.sort(mails.SERVERS[server]("returns@conference.example", ANA))
    assert found.kind == "bounce"
    assert [each.severity for each in found.reports] == [Severity.HARD if hard else Severity.SOFT]
