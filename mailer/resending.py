"""Letters that failed are sent again to the same address, because a person says so: the server has mended something.

Nobody has a letter that failed: a server refused it, or it never came so far. So another try can double nothing, but
for one that was in doubt before. What stands in the way is a table; the desk and the command line ask the same.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mailer.errors import ConvenorError
from mailer.outbox import audit, failures
from mailer.outbox.database import Database
from mailer.outbox.failures import Failure

OBSTACLES: tuple[tuple[Callable[[Failure, datetime], bool], str], ...] = (
    (lambda f, _: f.may_have_arrived, "it was in doubt before, and its first copy may have arrived"),
    (lambda f, _: f.has_unsubscribed, "its reader has unsubscribed"),
    (lambda f, _: f.has_left, "its reader is no longer on the list under this address"),
    (lambda f, _: f.is_flagged, "its address was reported as wrong: correct it, or say that it is right"),
    (lambda f, _: f.is_stopped, "its mailing was stopped"),
    (lambda f, _: f.is_withdrawn, "what it is about has moved or is off"),
    (lambda f, _: f.is_void, "a later letter has told what it tells, or the agenda has changed since"),
    (lambda f, now: f.useful_until <= now, "it is no longer useful"),
)
"""Why a letter that failed is not sent again: the first that holds."""


def obstacle(failure: Failure, now: datetime) -> str:
    """Why it is not sent again; nothing if it may be."""
    return next((why for holds, why in OBSTACLES if holds(failure, now)), "")


@dataclass(frozen=True, kw_only=True)
class Prospect:
    """Letters of a mailing that failed of one cause: those that may be sent again, and of the others how many for which
    reason are not.
    """

    ids: tuple[int, ...] = ()
    left: Mapping[str, int] = field(default_factory=dict)

    @property
    def letters(self) -> int:
        return len(self.ids)


def prospect(
    database: Database, event: str, mailing: str, now: datetime, *, cause: str | None = None
) -> Prospect:
    """What sending those again would do. `cause`: what of, as `failures.causes` tells it; None: of anything."""
    with database.reading() as transaction:
        return _prospect(failures.of_mailing(transaction, event, mailing, cause), now)


def obstacle_of(database: Database, event: str, letter_id: int, now: datetime) -> str | None:
    """Why one letter is not sent again, nothing if it may be; None for one that has not failed."""
    with database.reading() as transaction:
        found = failures.of_letters(transaction, event, [letter_id])
    return obstacle(found[0], now) if found else None


def resend(
    database: Database, event: str, ids: Iterable[int], now: datetime, *, by: str = audit.COMMAND_LINE
) -> int:
    """Send these letters again, all of them or none; how many that are. The audit tells of each.

    Raises:
        ConvenorError: one of them has not failed, or may not be sent again.
    """
    wanted = sorted(set(ids))
    with database.writing() as transaction:
        found = {each.id: each for each in failures.of_letters(transaction, event, wanted)}
        refused = [f"letter {each} is not sent again: {why}" for each, why in _refused(found, wanted, now)]
        if refused:
            more = f", and {len(refused) - 3} more" if len(refused) > 3 else ""
            raise ConvenorError(f"{'; '.join(refused[:3])}{more}; nothing was changed")
        failures.send_again(transaction, event, wanted, now, "by hand")
        for each in wanted:
            audit.note(transaction, now, by, "sent again", f"letter {each}", event=event)
    return len(wanted)


def resend_all(
    database: Database,
    event: str,
    mailing: str,
    now: datetime,
    *,
    cause: str | None = None,
    by: str = audit.COMMAND_LINE,
) -> Prospect:
    """Send again what failed of a mailing, of one cause or of any, as far as it may be; what was done. The audit has
    one row for all.
    """
    with database.writing() as transaction:
        done = _prospect(failures.of_mailing(transaction, event, mailing, cause), now)
        if done.ids:
            failures.send_again(transaction, event, done.ids, now, "by hand")
            audit.note(transaction, now, by, "sent again", _in_words(mailing, cause, done), event=event)
    return done


def _prospect(found: Iterable[Failure], now: datetime) -> Prospect:
    ids: list[int] = []
    left: Counter[str] = Counter()
    for each in found:
        if why := obstacle(each, now):
            left[why] += 1
        else:
            ids.append(each.id)
    return Prospect(ids=tuple(ids), left=dict(left.most_common()))


def _refused(found: Mapping[int, Failure], wanted: Iterable[int], now: datetime) -> Iterable[tuple[int, str]]:
    for each in wanted:
        if each not in found:
            yield each, "it has not failed"
        elif why := obstacle(found[each], now):
            yield each, why


def _in_words(mailing: str, cause: str | None, done: Prospect) -> str:
    letters = f"{done.letters:,} letter{'' if done.letters == 1 else 's'}"
    return f"{letters} of {mailing} that failed{f' of: {cause}' if cause else ''}"
