"""Agendas for the tests of the desk: the conference as a file could hold it, and a very full one."""

from datetime import timedelta

from mailer.agenda.model import Event
from tests.conference import EVENT

CONFERENCE = EVENT.model_copy(
    update={
        "sessions": (
            *EVENT.sessions[:-1],
            EVENT.sessions[-1].model_copy(
                update={"ends_at": EVENT.sessions[-1].starts_at + timedelta(minutes=15)}
            ),
        )
    }
)


def full(count: int, on_one_day: bool = False) -> Event:
    """As many sessions, eight at a time, or twenty-five where all are on one day."""
    pattern, begins = CONFERENCE.session("session-1"), CONFERENCE.starts_at
    beside = 25 if on_one_day else 8
    sessions = []
    for number in range(count):
        row, lane = divmod(number, beside)
        day, slot = divmod(row, 20 if on_one_day else 12)
        starts_at = begins + timedelta(days=day, minutes=30 * slot)
        facts = {
            "key": f"s-{number}", "title": f"Session {number} – a title of the usual length", "room": f"Room {lane}",
            "starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=30), "points": (),
        }  # fmt: skip
        sessions.append(pattern.model_copy(update=facts))
    return CONFERENCE.model_copy(update={"sessions": tuple(sessions)})
