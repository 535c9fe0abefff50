"""The mail server that judges: it keeps what it accepts, writes down every dot, and misbehaves by rule.

It is a process of its own, so that whoever is killed takes no evidence along. Its log only grows. What ought to have
come is for others to say.
"""

import asyncio
import hashlib
import json
import os
import random
import signal
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Literal, NamedTuple

from mailer.delivery.profiles import OWN, adjusted
from mailer.delivery.relay import Relay

Act = Literal["drop", "mute", "reply", "wait", "kill"]

STEPS = ("connect", "greeting", "EHLO", "MAIL", "RCPT", "DATA", "354", "content", "dot", "kept", "told")
"""The moments of one letter as a server sees them: a command before it is answered; `greeting` and `354` when they
have been said; `content` when some has come without its dot; `dot` before anything is accepted, `kept` before anybody
is told so, `told` after that.
"""

_EHLO = b"250-judge.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 10000000\r\n"
_READ_AT_ONCE = 1 << 18


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What to do at a step: `drop` the connection, be `mute` from then on, `reply` in `words` instead (and hang up
    after 421), `wait` so many seconds, or `kill` these processes.

    It holds with a `chance`, after so many times were let pass, and `times` times at most.
    """

    step: str
    act: Act
    words: str = ""
    wait_for: float = 0.0
    pids: tuple[int, ...] = ()
    chance: float = 1.0
    after: int = 0
    times: int | None = None


class Seen(NamedTuple):
    """A line of the log: a `dot` that came, a letter that was `kept`, a 250 that was `told`. `line` numbers the
    connections, `content` is the SHA-256 of the bytes.
    """

    what: str
    line: int
    reader: str
    content: str


@dataclass(frozen=True, kw_only=True)
class _Duty:
    """What the server is to do from now on."""

    rules: tuple[Rule, ...]
    seed: int
    log: str


class _HungUp(Exception):  # noqa: N818
    """The conversation is over."""


class _Temper:
    """The rules as they apply, one moment after the other."""

    def __init__(self, duty: _Duty) -> None:
        self._rules, self._chance = duty.rules, random.Random(duty.seed)  # noqa: S311 - no secret
        self._passed: Counter[Rule] = Counter()
        self._done: Counter[Rule] = Counter()

    def at(self, step: str) -> Iterator[Rule]:
        for rule in self._rules:
            if rule.step != step or self._done[rule] == rule.times:
                continue
            self._passed[rule] += 1
            if self._passed[rule] > rule.after and self._chance.random() < rule.chance:
                self._done[rule] += 1
                yield rule


class _Server:
    """Obeys one channel; without it, it ends."""

    def __init__(self, channel: Connection) -> None:
        self._channel, self._lines = channel, 0
        self._file = -1
        self._temper = _Temper(_Duty(rules=(), seed=0, log=""))
        self._talks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = loop.create_future()
        loop.add_reader(self._channel.fileno(), self._hear)
        server = await asyncio.start_server(self._greet, "127.0.0.1", 0, limit=_READ_AT_ONCE)
        self._channel.send(server.sockets[0].getsockname()[1])
        await self._over
        server.close()

    def _hear(self) -> None:
        try:
            duty = self._channel.recv()
        except (EOFError, OSError):
            duty = None
        if duty is None:
            self._over.set_result(None)
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            return
        if self._file >= 0:
            os.close(self._file)
        self._file = os.open(duty.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._temper = _Temper(duty)
        self._channel.send(True)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines += 1
        talk = _Talk(self, self._lines, reader, writer)
        with suppress(OSError, _HungUp):
            await talk.run()
        writer.close()

    def write_down(self, seen: Seen) -> None:
        os.write(self._file, json.dumps(seen).encode() + b"\n")

    def at(self, step: str) -> Iterator[Rule]:
        return self._temper.at(step)


class _Talk:
    """One connection."""

    def __init__(
        self, server: _Server, line: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server, self._line, self._reader, self._writer = server, line, reader, writer
        self._heard = bytearray()
        self._recipient = ""
        self._has_sender = False

    async def run(self) -> None:
        await self._answer("connect", "220 judge.example ESMTP")
        await self._pass("greeting")
        while True:
            words = (await self._upto(b"\r\n")).decode("utf-8", "replace").strip()
            await self._obey(words.partition(" ")[0].upper(), words)

    async def _obey(self, command: str, words: str) -> None:
        match command:
            case "EHLO":
                await self._answer("EHLO", _EHLO.decode().removesuffix("\r\n"))
            case "MAIL":
                self._recipient, self._has_sender = "", False
                self._has_sender = await self._answer("MAIL", "250 2.1.0 fine")
            case "RCPT" if self._has_sender:
                if await self._answer("RCPT", "250 2.1.5 fine"):
                    self._recipient = words.partition("<")[2].partition(">")[0]
            case "DATA" if self._recipient:
                if await self._answer("DATA", "354 go on"):
                    await self._listen()
            case "RCPT" | "DATA":
                await self._say("503 5.5.1 not now")
            case "QUIT":
                await self._say("221 2.0.0 goodbye")
                raise _HungUp
            case _:
                await self._say("250 2.0.0 fine")

    async def _listen(self) -> None:
        """The content up to its dot, and what becomes of it."""
        await self._pass("354")
        if not self._heard:
            await self._more()
        await self._pass("content")
        self._heard[:0] = b"\r\n"  # so that a dot alone is found too
        stuffed = (await self._upto(b"\r\n.\r\n"))[: -len(b".\r\n")]
        seen = self._seen(stuffed.replace(b"\r\n..", b"\r\n.")[2:])
        self._server.write_down(seen)
        if words := await self._pass("dot"):
            await self._refuse(words)
            return
        self._server.write_down(seen._replace(what="kept"))
        await self._pass("kept")
        await self._say("250 2.0.0 kept")
        self._server.write_down(seen._replace(what="told"))
        await self._pass("told")

    def _seen(self, content: bytes) -> Seen:
        return Seen("dot", self._line, self._recipient, hashlib.sha256(content).hexdigest())

    async def _answer(self, step: str, usual: str) -> bool:
        """Whether it was the usual answer."""
        if words := await self._pass(step):
            await self._refuse(words)
            return False
        await self._say(usual)
        return True

    async def _refuse(self, words: str) -> None:
        await self._say(words)
        if words.startswith("421"):
            raise _HungUp

    async def _pass(self, step: str) -> str:
        """Do what the rules say; what to reply instead, or nothing."""
        for rule in self._server.at(step):
            match rule.act:
                case "drop":
                    raise _HungUp
                case "mute":
                    while True:
                        await self._more()
                case "reply":
                    return rule.words
                case "wait":
                    await asyncio.sleep(rule.wait_for)
                case "kill":
                    for pid in rule.pids:
                        with suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
        return ""

    async def _say(self, words: str) -> None:
        self._writer.write(f"{words}\r\n".encode())
        await self._writer.drain()

    async def _more(self) -> None:
        came = await self._reader.read(_READ_AT_ONCE)
        if not came:
            raise _HungUp
        self._heard += came

    async def _upto(self, mark: bytes) -> bytes:
        while (at := self._heard.find(mark)) < 0:
            await self._more()
        end = at + len(mark)
        found = bytes(self._heard[:end])
        del self._heard[:end]
        return found


def _serve(channel: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_Server(channel).run())


class Receiver:
    """The judge as those see it who hire it."""

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self.port: int = channel.recv()
        self.log = Path(os.devnull)

    def relay(self, lines: int, *, letters_per_connection: int = 1000) -> Relay:
        """It, as a relay that takes so many lines at a time."""
        profile = replace(adjusted(OWN, connections=lines), letters_per_connection=letters_per_connection)
        return Relay(host="127.0.0.1", port=self.port, profile=profile)

    def obey(self, log: Path, *rules: Rule, seed: int = 0) -> None:
        """From now on these rules hold, counted anew, and `log` is written on."""
        self.log = log
        self._channel.send(_Duty(rules=rules, seed=seed, log=str(log)))
        self._channel.recv()

    def saw(self) -> list[Seen]:
        """What the log says by now."""
        return read(self.log)

    def close(self) -> None:
        with suppress(OSError):
            self._channel.send(None)


def read(log: Path) -> list[Seen]:
    """What a log says; nothing if nobody has spoken."""
    with suppress(FileNotFoundError):
        return [Seen(*json.loads(line)) for line in log.read_text("utf-8").splitlines()]
    return []


def only(seen: Iterable[Seen], what: str) -> Sequence[Seen]:
    """Those lines that are a `dot`, `kept` or `told`."""
    return [each for each in seen if each.what == what]


@contextmanager
def open_receiver() -> Iterator[Receiver]:
    """A judge on a free port of loopback."""
    ours, theirs = Pipe()
    process = get_context("forkserver").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    receiver = Receiver(ours)
    try:
        yield receiver
    finally:
        receiver.close()
        process.join(5)
        if process.is_alive():
            process.kill()
