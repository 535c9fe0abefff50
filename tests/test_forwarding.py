"""People's questions go to whoever answers them, over real SMTP into a real tray: once, and never too many."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mailer.delivery.admission import RelayUnreachable
from mailer.delivery.envelope import Parcel
from mailer.delivery.outcome import Outcome
from mailer.delivery.single import send_one
from mailer.delivery.tray import Tray, TrayServer
from mailer.forwarding import KNOWN_WITHIN, MOST_AN_HOUR, Forwarder
from mailer.inbox.bounded import BoundedReader
from mailer.judging import Answerer
from mailer.outbox.database import Database
from mailer.outbox.letter import Happening
from mailer.outbox.schema import Forward, IncomingState
from tests.conference import EVENT, ORGANISER, PRACTITIONER
from tests.inbox import mails
from tests.inbox.letterbox import NOW, SENDER, Letterbox, reading

HELP = "help@conference.example"
ANA = PRACTITIONER.address


@pytest.fixture(scope="module")
def reader() -> Iterator[BoundedReader]:
    with reading() as opened:
        yield opened


@pytest.fixture
def box(database: Database, tmp_path: Path, reader: BoundedReader) -> Letterbox:
    box = Letterbox(database=database, path=tmp_path / "mail", reader=reader, questions_to=HELP)
    box.send_invitations()
    return box


@pytest.fixture
def tray(tmp_path: Path) -> Iterator[tuple[Tray, Forwarder]]:
    tray = Tray(tmp_path / "tray.db")
    server = TrayServer(tray, clock=lambda: NOW)
    relay = server.start()
    yield tray, lambda parcel: send_one(relay, parcel)  # type: ignore[misc]
    server.stop()


def forwarder(box: Letterbox, send: object) -> Forwarder:
    return Forwarder(
        database=box.database,
        event=EVENT.key,
        sender=SENDER,
        answerer=Answerer(named=HELP),
        send=send,  # type: ignore[arg-type]
    )


def says(happening: Happening) -> object:
    return lambda parcel: Outcome(happening=happening, reply="the server's words")


def ask(box: Letterbox, number: int = 1, sender: str = ANA) -> None:
    box.receive(mails.written(sender, ORGANISER.address, f"Question {number}", "Where is the entrance?"))


def test_a_question_is_forwarded_once(box: Letterbox, tray: tuple[Tray, object]) -> None:
    kept, send = tray
    ask(box)
    assert forwarder(box, send).forward(NOW) == 1
    assert forwarder(box, send).forward(NOW) == 0

    ((letter, raw),) = kept.everything()
    assert letter.recipient == HELP
    assert letter.sender == ORGANISER.address
    assert b"Reply-To: <ana.novak@prosecution.example>" in raw
    assert b"Where is the entrance?" in raw
    came = box.came()[-1]
    assert (came.forward, came.outcome, came.state) == (
        Forward.SENT, "forwarded to whoever answers", IncomingState.SORTED
    )  # fmt: skip


def test_what_was_forwarded_and_comes_back_is_not_forwarded_again(
    box: Letterbox, tray: tuple[Tray, object]
) -> None:
    kept, send = tray
    ask(box)
    forwarder(box, send).forward(NOW)
    ((_, raw),) = kept.everything()
    assert box.receive(raw).forward is Forward.NOT
    assert box.receive(mails.report(ORGANISER.address, HELP)).forward is Forward.NOT
    assert (
        box.receive(
            mails.written(HELP, ORGANISER.address, "Fwd: Question", "x", "Auto-Submitted: auto-replied")
        ).forward
        is Forward.NOT
    )
    assert forwarder(box, send).forward(NOW) == 0


def test_nobody_gets_their_own_question(box: Letterbox, tray: tuple[Tray, object]) -> None:
    kept, send = tray
    ask(box, sender=HELP.upper())
    forwarder(box, send).forward(NOW)
    assert kept.count() == 0
    assert box.came()[-1].outcome == "it is from the one who answers"


def test_in_an_hour_so_many_are_forwarded_and_the_others_wait(box: Letterbox) -> None:
    for number in range(MOST_AN_HOUR + 5):
        box.deliver(mails.written(ANA, ORGANISER.address, f"Question {number}", "Where?"))
    box.collect()
    this = forwarder(box, says(Happening.ACCEPTED))
    assert this.forward(NOW) == MOST_AN_HOUR
    assert this.forward(NOW + timedelta(minutes=59)) == 0
    assert this.forward(NOW + timedelta(minutes=61)) == 5


@pytest.mark.parametrize("happening", [Happening.REFUSED, Happening.LOST])
def test_what_could_not_be_forwarded_is_shown_and_not_tried_again(
    box: Letterbox, happening: Happening
) -> None:
    ask(box)
    forwarder(box, says(happening)).forward(NOW)
    came = box.came()[-1]
    assert (came.forward, came.state) == (Forward.FAILED, IncomingState.OPEN)
    assert "the server's words" in came.outcome
    assert forwarder(box, says(Happening.ACCEPTED)).forward(NOW) == 0


def test_a_server_that_says_later_is_tried_later(box: Letterbox) -> None:
    ask(box)
    assert forwarder(box, says(Happening.PUT_OFF)).forward(NOW) == 0
    assert forwarder(box, says(Happening.ACCEPTED)).forward(NOW) == 1


def test_a_relay_that_is_away_loses_nothing(box: Letterbox) -> None:
    def away(parcel: Parcel) -> Outcome:
        raise RelayUnreachable("it is away", kind="network")

    ask(box)
    with pytest.raises(RelayUnreachable):
        forwarder(box, away).forward(NOW)
    assert forwarder(box, says(Happening.ACCEPTED)).forward(NOW) == 1


def test_a_crash_while_it_leaves_is_shown_and_nothing_is_sent_twice(box: Letterbox) -> None:
    class Crashed(BaseException):
        pass

    def crash(parcel: Parcel) -> Outcome:
        raise Crashed

    ask(box)
    with pytest.raises(Crashed):
        forwarder(box, crash).forward(NOW)
    later = forwarder(box, says(Happening.ACCEPTED))
    assert later.forward(NOW + timedelta(seconds=1)) == 0
    assert later.forward(NOW + KNOWN_WITHIN + timedelta(seconds=1)) == 0
    came = box.came()[-1]
    assert (came.forward, came.state) == (Forward.FAILED, IncomingState.OPEN)


def test_where_nobody_is_named_nothing_is_forwarded(box: Letterbox) -> None:
    ask(box)
    nobody = replace(forwarder(box, says(Happening.ACCEPTED)), answerer=Answerer())
    assert nobody.forward(NOW) == 0
