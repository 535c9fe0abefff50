"""The timetable for machines."""

from dataclasses import replace

from mailer.delivery.profiles import guessed
from mailer.outbox import pauses, slowdowns
from mailer.outbox.pauses import EVERYTHING
from mailer.outbox.schema import PausedBy, recipient
from tests.conference import EVENT, RECIPIENTS
from tests.web.desk import AGENDA_IS_DUE_AT, Desk

STATES = ("sent", "failed", "in_doubt", "deferred", "waiting", "suppressed", "withdrawn", "missed")


def test_it_tells_the_event_and_counts_every_mailing(calm_desk: Desk) -> None:
    status = calm_desk.browser().get("/api/status").json()
    assert status["event"] == {
        "key": EVENT.key,
        "title": EVENT.title,
        "timezone": "Europe/Vienna",
        "starts": "2027-03-10T07:45:00Z",
        "ends": "2027-03-10T16:00:00Z",
        "version": 1,
        "published": "2027-01-11T08:00:00Z",
    }
    assert status["now"] == "2027-01-11T08:00:00Z"
    assert [mailing["mailing"] for mailing in status["mailings"]] == [m.key for m in EVENT.mailings]
    invitation = status["mailings"][0]
    assert {
        key: invitation[key] for key in ("title", "kind", "due", "stage", "letters", "expected", "sent")
    } == {
        "title": "Invitation",
        "kind": "invitation",
        "due": "2027-01-11T08:00:00Z",
        "stage": "done",
        "letters": 5,
        "expected": 0,
        "sent": 5,
    }
    reminders = status["mailings"][4]["occasions"]
    assert [occasion["anchor"] for occasion in reminders] == [
        "session-1",
        "session-2",
        "session-3",
        "session-4",
    ]
    assert reminders[0]["due"] == "2027-03-10T08:45:00Z"


def test_each_letter_is_counted_in_one_state(desk: Desk) -> None:
    desk.clock.now = AGENDA_IS_DUE_AT
    desk.service.plan(desk.clock())
    status = desk.browser().get("/api/status").json()
    for part in (*status["mailings"], *status["mailings"][4]["occasions"], status["totals"]):
        assert sum(part[state] for state in STATES) == part["letters"]
    assert status["totals"]["letters"] == sum(mailing["letters"] for mailing in status["mailings"])
    assert status["totals"]["waiting"] > 0


def test_what_holds_letters_up_is_told(desk: Desk) -> None:
    quiet = desk.browser().get("/api/status").json()
    assert (quiet["paused"], quiet["slowed"]) == ([], [])
    assert (quiet["delayed"], quiet["held"]) == ({"over_4_hours": 0, "over_24_hours": 0}, 0)
    assert {(mailing["paused"], mailing["ends"]) for mailing in quiet["mailings"]} == {(False, None)}
    with desk.database.writing() as transaction:
        pauses.pause(transaction, EVENT.key, "agenda", "554 spam", desk.clock(), caused_by=PausedBy.CONTENT)
        pauses.pause(transaction, EVENT.key, EVERYTHING, "", desk.clock())
        slowdowns.note(transaction, "smtp://mail.example:25", 15, "421 4.7.0", desk.clock())
    status = desk.browser().get("/api/status").json()
    now = "2027-01-11T08:00:00Z"
    assert status["paused"] == [
        {"mailing": None, "caused_by": "person", "since": now, "reason": ""},
        {"mailing": "agenda", "caused_by": "content", "since": now, "reason": "554 spam"},
    ]
    assert status["slowed"] == [
        {"relay": "smtp://mail.example:25", "per_minute": 15, "since": now, "reason": "421 4.7.0"}
    ]
    assert all(mailing["paused"] for mailing in status["mailings"])


def test_what_is_leaving_has_its_end(desk: Desk) -> None:
    desk.clock.now = AGENDA_IS_DUE_AT
    desk.service.plan(desk.clock())
    office = replace(desk.office, profile=guessed("smtp.office365.com"))
    status = replace(desk, office=office).browser().get("/api/status").json()
    ends = {mailing["mailing"]: mailing["ends"] for mailing in status["mailings"] if mailing["ends"]}
    assert ends.keys() == {"agenda", "reminder"}
    assert max(ends.values()) == "2027-02-24T08:30:20Z"


def test_it_names_nobody(calm_desk: Desk) -> None:
    told = calm_desk.browser().get("/api/status").text
    assert [r.address for r in RECIPIENTS if r.address in told or r.family_name in told] == []
    assert calm_desk.browser().get("/api/status").json()["totals"]["recipients"] == len(RECIPIENTS)


def test_health_is_told_from_the_database(desk: Desk) -> None:
    assert desk.browser().get("/health").json() == {"status": "ok"}
    with desk.database.writing() as transaction:
        path = transaction.engine.url.database
    desk.database.close()
    assert path
    with open(path, "r+b") as file:  # noqa: PTH123 - damaged on purpose
        file.write(b"this is no database" * 10)
    response = desk.browser().get("/health")
    assert response.status_code == 503
    assert path not in response.text
    assert recipient.name not in response.text
