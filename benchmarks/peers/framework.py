"""Django's way: its templates, `EmailMultiAlternatives` and one connection's `send_messages`, in batches."""

import sys
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.template import Context, Engine

from benchmarks import crowd, turns
from benchmarks.crowd import Person
from benchmarks.peers import letter

BATCH = 200


class Desk:
    def __init__(self, words: str) -> None:
        engine = Engine(dirs=[words])
        self._subject, self._text, self._html = (
            engine.get_template(f"invitation/en.{part}") for part in ("subject.txt", "txt", "html")
        )

    def compose(self, person: Person) -> EmailMultiAlternatives:
        said = letter.values(person)
        plain, rich = Context(said, autoescape=False), Context(said)
        message = EmailMultiAlternatives(
            subject=self._subject.render(plain).strip(),
            body=self._text.render(plain),
            from_email=f"{letter.ORGANISER[0]} <{letter.ORGANISER[1]}>",
            to=[f'"{person.full_name}" <{person.address}>'],
            headers=letter.HEADERS | {"List-Unsubscribe": f"<{said['links']['unsubscribe']}>"},
        )
        calendar = letter.invitation(person, str(said["links"]["page"]))
        message.attach_alternative(self._html.render(rich), "text/html")
        message.attach_alternative(calendar.decode(), "text/calendar; method=REQUEST")
        message.attach("invite.ics", calendar, "application/ics")
        return message


def carry(line: BaseEmailBackend, people: Sequence[Person], desk: Desk) -> None:
    for first in range(0, len(people), BATCH):
        line.send_messages([desk.compose(person) for person in people[first : first + BATCH]])


def main(order: turns.Order) -> None:
    settings.configure(EMAIL_HOST="127.0.0.1", EMAIL_PORT=order.port, USE_I18N=False)
    people, desk = crowd.read(Path(order.people)), Desk(order.words)
    with get_connection("django.core.mail.backends.smtp.EmailBackend") as line:
        carry(line, people[order.letters :], desk)
        if turns.await_go():
            carry(line, people[: order.letters], desk)
            turns.tell_done()


if __name__ == "__main__":
    main(turns.read_order(sys.argv[1]))
