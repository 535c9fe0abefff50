"""People's questions go to whoever answers them: through the relay, once each, so many an hour and no more.

A question is marked as leaving before it leaves; one of which nobody knows whether it has is not sent again but shown.
How the message looks is `composition`'s, which mails are questions `judging`'s.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event as Signal

from mailer.agenda.model import Organiser
from mailer.composition.composing import Sender
from mailer.composition.forwarding import Question, forwarded
from mailer.composition.message import Mailbox
from mailer.delivery.envelope import Parcel
from mailer.delivery.outcome import Outcome
from mailer.errors import ConvenorError, UnsafeLetter
from mailer.inbox.sorting import heard
from mailer.judging import Answerer, is_same
from mailer.outbox import agendas, incoming
from mailer.outbox.database import Database
from mailer.outbox.incoming import Incoming
from mailer.outbox.letter import Happening
from mailer.outbox.schema import Forward

MOST_AN_HOUR = 30
"""Questions forwarded in any hour: whatever goes wrong, nobody's mailbox is flooded. The others wait."""

KNOWN_WITHIN = timedelta(minutes=10)
"""A question that has been leaving for longer was lost sight of."""

Send = Callable[[Parcel], Outcome]

_ENDS = {
    Happening.ACCEPTED: (Forward.SENT, "forwarded to whoever answers"),
    Happening.REFUSED: (Forward.FAILED, "it could not be forwarded: {reply}"),
    Happening.LOST: (Forward.FAILED, "it may have been forwarded, or not: {reply}"),
}
"""What an outcome makes of a question; after any other it waits for the next time."""


@dataclass(frozen=True, kw_only=True)
class _Post:
    """From whom, and to whom."""

    organiser: Organiser
    to: str


@dataclass(frozen=True, kw_only=True)
class Forwarder:
    """`send` carries one message, and may raise ConvenorError if it cannot."""

    database: Database
    event: str
    sender: Sender
    answerer: Answerer
    send: Send = field(repr=False)

    def forward(self, now: datetime, stop: Signal | None = None) -> int:
        """Forward what waits, as far as an hour's number allows; how many went.

        Raises:
            ConvenorError: the relay cannot be used now; nothing is lost.
        """
        self._give_up(now)
        with self.database.reading() as transaction:
            version = agendas.latest(transaction, self.event)
        to = self.answerer.address(version.event.organiser.address) if version else ""
        if not version or not to:
            return 0
        post = _Post(organiser=version.event.organiser, to=to)
        went = 0
        while not (stop and stop.is_set()):
            with self.database.reading() as transaction:
                if incoming.forwarded_since(transaction, now - timedelta(hours=1)) >= MOST_AN_HOUR:
                    break
                found = incoming.next_question(transaction)
            if found is None:
                break
            if not self._forward(*found, post, now):
                break
            went += 1
        return went

    def _give_up(self, now: datetime) -> None:
        """Questions that a crash left between two steps."""
        with self.database.writing() as transaction:
            for lost in incoming.lost_questions(transaction, now - KNOWN_WITHIN):
                why = "it may have been forwarded, or not: the service ended while it left"
                incoming.move_forward(transaction, lost, Forward.LEAVING, Forward.FAILED, now, why)

    def _forward(self, mail: Incoming, raw: bytes, post: _Post, now: datetime) -> bool:
        """One question; whether the next may be tried."""
        if is_same(mail.sender, post.to):
            return self._move(mail, Forward.WAITING, Forward.NOT, now, "it is from the one who answers")
        try:
            parcel = self._parcel(mail, raw, post)
        except UnsafeLetter:
            return self._move(
                mail, Forward.WAITING, Forward.FAILED, now, "it cannot be forwarded: look at it here"
            )
        if not self._move(mail, Forward.WAITING, Forward.LEAVING, now):
            return True
        try:
            outcome = self.send(parcel)
        except ConvenorError:
            self._move(mail, Forward.LEAVING, Forward.WAITING, now)
            raise
        if outcome.happening not in _ENDS:
            self._move(mail, Forward.LEAVING, Forward.WAITING, now)
            return False
        after, words = _ENDS[outcome.happening]
        return self._move(mail, Forward.LEAVING, after, now, words.format(reply=outcome.reply))

    def _move(
        self, mail: Incoming, before: Forward, after: Forward, now: datetime, outcome: str | None = None
    ) -> bool:
        with self.database.writing() as transaction:
            return incoming.move_forward(transaction, mail.id, before, after, now, outcome)

    def _parcel(self, mail: Incoming, raw: bytes, post: _Post) -> Parcel:
        said, organiser = heard(dict(mail.said)), post.organiser
        digest = self.sender.signer.digest("forward", self.event, str(mail.id))
        content = forwarded(
            Question(
                asker=Mailbox(name=said.sender_name, address=said.sender),
                subject=said.subject,
                text=said.text,
                message_id=said.message_id,
                references=said.references,
                raw=raw,
            ),
            sender=Mailbox(name=organiser.name, address=organiser.address),
            reader=Mailbox(name="", address=post.to),
            message_id=f"<{digest[:16].hex()}@{organiser.address.rpartition('@')[2]}>",
            dated_at=mail.received_at,
            dkim=self.sender.dkim,
        )
        return Parcel(mail.id, organiser.address, post.to, content)
