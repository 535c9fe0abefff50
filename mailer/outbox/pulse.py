"""Whether anything has changed that an organiser looks at: a few numbers, each found by an index, asked for often."""

from sqlalchemy import Connection

from mailer.outbox.database import fetch

_COUNTERS = """SELECT
    (SELECT max(id) FROM letter_history), (SELECT max(id) FROM letter), (SELECT max(id) FROM occasion),
    (SELECT sum(fence) FROM letter WHERE owner IS NOT NULL), (SELECT count(*) FROM letter WHERE owner IS NOT NULL),
    (SELECT max(intent_at) FROM letter WHERE owner IS NOT NULL),
    (SELECT max(sent_at) FROM (SELECT (SELECT max(settled_at) FROM letter WHERE occasion_id = o.id AND state = 'sent')
        AS sent_at FROM occasion o) AS sent),
    (SELECT max(id) FROM answer), (SELECT max(changed_at) FROM roster), (SELECT count(*) FROM agenda_version),
    (SELECT max(id) FROM incoming), (SELECT count(*) FROM incoming WHERE state = 'new'),
    (SELECT count(*) FROM incoming WHERE forward IN ('waiting', 'leaving')),
    (SELECT count(*) FROM pause), (SELECT max(noted_at) FROM slowdown), (SELECT max(number) FROM audit)"""


def pulse(c: Connection) -> tuple[object, ...]:
    """What is another value than before once letters, answers, mails, pauses or agendas have changed, of any event.

    Intents and acceptances leave no line in the history: they are seen by the letters that somebody holds, and by the
    last that was sent of each occasion.
    """
    return fetch(c, _COUNTERS)[0]
