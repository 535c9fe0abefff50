"""Whatever an organiser looks at moves the pulse, on both databases; looking does not."""

from collections.abc import Callable
from itertools import pairwise

from sqlalchemy import Connection, select

from mailer.outbox import audit, incoming, pauses, people
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening
from mailer.outbox.pulse import pulse
from mailer.outbox.schema import IncomingState
from mailer.outbox.schema import incoming as rows
from tests.outbox.world import DIGEST, EVENT, NOW, claim, later, list_people, tell, told, write_letters

H = Happening


def test_each_change_is_seen_and_looking_is_none(database: Database) -> None:
    def beat() -> tuple[object, ...]:
        with database.reading() as c:
            return pulse(c)

    def write(act: Callable[[Connection], object]) -> None:
        with database.writing() as c:
            act(c)

    seen = [beat()]
    ids: list[int] = []
    write(lambda c: ids.extend(list_people(c, 2)))
    seen.append(beat())
    write(lambda c: write_letters(c, ids))
    seen.append(beat())
    first, second = claim(database)
    seen.append(beat())
    tell(database, told(first, H.INTENDED, digest=DIGEST), told(second, H.INTENDED, digest=DIGEST))
    seen.append(beat())
    for each in (first, second):
        tell(database, told(each, H.ACCEPTED))
        seen.append(beat())
    acts: list[Callable[[Connection], object]] = [
        lambda c: people.record_answer(c, ids[0], "event", "accepted", later(seconds=5), "page", sequence=0),
        lambda c: pauses.pause(c, EVENT, "", "", NOW),
        lambda c: pauses.resume(c, EVENT),
        lambda c: incoming.keep(c, "m", "1", b"x", NOW),
        lambda c: incoming.end(c, c.execute(select(rows.c.id)).scalar_one(), IncomingState.OPEN, "unknown"),
        lambda c: audit.note(c, NOW, "maria", "decided"),
    ]
    for act in acts:
        write(act)
        seen.append(beat())
    assert [number for number, (one, other) in enumerate(pairwise(seen)) if one == other] == []
    assert beat() == seen[-1]
