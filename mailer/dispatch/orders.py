"""What the desk and a carrier say to each other: plain values, pickled, each in one piece over a local socket."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from mailer.agenda.model import AgendaVersion
from mailer.agenda.upkeep import Upkeep
from mailer.composition.composing import Sender
from mailer.delivery.line import Timeouts
from mailer.delivery.outcome import Outcome
from mailer.delivery.relay import Relay
from mailer.outbox.claimed import ClaimedLetter, SentEntry

PATIENT = Timeouts()
_STOCK_PER_LINE = 8  # letters kept ready: enough that none waits while the desk commits


@dataclass(frozen=True, kw_only=True)
class Route:
    """What a carrier must know before its first letter. `lines` are opened as letters ask for them."""

    relay: Relay
    sender: Sender
    lines: int = 1
    timeouts: Timeouts = PATIENT

    @property
    def room(self) -> int:
        """How many letters a carrier may have besides those its lines have begun."""
        return self.lines * _STOCK_PER_LINE


Key = tuple[int, int]
"""A letter under one claim: its id and fence. What is said of an earlier claim is not taken for this one."""


class Order(NamedTuple):
    """What a carrier is to do.

    `letters` are to be carried; `versions`, `wordings` and `upkeeps` are what they are written from, `contents` what is
    in the files that they carry (by SHA-256), as far as they were not told before. `go` and `withhold` answer for
    intents: only after `go` may a dot leave. After `let_go` whatever no line has begun with is given back; after
    `finish_within` (seconds) all is, and the carrier ends. New lines sign in with `token`.
    """

    letters: tuple[ClaimedLetter, ...] = ()
    versions: Mapping[tuple[str, int], AgendaVersion] = {}
    wordings: Mapping[str, Mapping[str, str]] = {}
    upkeeps: Mapping[str, Upkeep] = {}
    contents: Mapping[str, bytes] = {}
    go: tuple[Key, ...] = ()
    withhold: tuple[Key, ...] = ()
    let_go: bool = False
    finish_within: float | None = None
    token: str = ""


class Report(NamedTuple):
    """What a carrier has done.

    `asked` are letters of whose content the network has all: (key, SHA-256 of the bytes). `accepted` are (key, the
    server's reply, the entries its reader now holds); `ended` those with which it went otherwise. `wants` is how many
    letters more it has room for. `trouble` says why the relay could not be used, `kind` in what way, and `token` with
    which token.
    """

    asked: tuple[tuple[Key, str], ...] = ()
    accepted: tuple[tuple[Key, str, tuple[SentEntry, ...]], ...] = ()
    ended: tuple[tuple[Key, Outcome], ...] = ()
    wants: int = 0
    trouble: str = ""
    kind: str = ""
    token: str = ""

    @property
    def without_trouble(self) -> "Report":
        """What is left of it when the relay is about to be tried again."""
        return self._replace(trouble="", kind="", token="")


def tell(channel: Connection, message: Route | Order | Report) -> None:
    """Raises OSError when nobody is at the other end."""
    channel.send_bytes(pickle.dumps(message, pickle.HIGHEST_PROTOCOL))


def hear(channel: Connection) -> Any:
    """The next message; waits for it. Raises EOFError or OSError when nobody is at the other end."""
    return pickle.loads(channel.recv_bytes())  # noqa: S301 - of our own process, over a socket nobody else has
