"""A mail server on loopback that misbehaves on purpose: what it does at each step of the conversation is a script.

Steps are `connect`, the commands by name, `body` (in the middle of the content) and `dot`. A step that is not in
the script goes as it should. Everything it heard is kept: in clear, and as letters.
"""

import base64
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from mailer.delivery.relay import Relay, Security

EXTENSIONS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 1000000")
_BODY_SEEN = 200

Act = Callable[["Talk"], None]


class _HungUp(Exception):  # noqa: N818
    """The conversation is over."""


def say(*replies: bytes) -> Act:
    """Send this, whatever it is, and go on."""

    def act(talk: "Talk") -> None:
        for reply in replies:
            talk.say(reply)

    return act


def drip(reply: bytes, every: float = 0.001) -> Act:
    """Send this one byte at a time."""

    def act(talk: "Talk") -> None:
        for byte in reply:
            talk.say(bytes([byte]))
            time.sleep(every)

    return act


def forever(part: bytes, every: float = 0) -> Act:
    """Send this again and again until the other side has had enough; how much it took is `server.poured`."""

    def act(talk: "Talk") -> None:
        while talk.server.poured < 200_000_000:
            talk.say(part)
            talk.server.poured += len(part)
            time.sleep(every)

    return act


def hang_up(talk: "Talk") -> None:
    raise _HungUp


def reset(talk: "Talk") -> None:
    """Hang up so that the other side sees an error, not an end."""
    talk.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise _HungUp


def keep_silent(talk: "Talk") -> None:
    """Wait until the other side has had enough."""
    while talk.read():
        pass
    raise _HungUp


def keep_and_hang_up(talk: "Talk") -> None:
    """The letter is accepted, and nobody is told."""
    talk.server.kept.append(talk.content)
    raise _HungUp


def say_and_hang_up(reply: bytes) -> Act:
    def act(talk: "Talk") -> None:
        talk.say(reply)
        raise _HungUp

    return act


@dataclass
class Talk:
    """One connection."""

    server: "HostileServer"
    socket: socket.socket
    heard: bytearray = field(default_factory=bytearray)
    said: bytes = b""
    content: bytes = b""
    is_secret: bool = False
    is_refused: bool = False

    def say(self, reply: bytes) -> None:
        self.said = reply
        self.socket.sendall(reply)

    def read(self) -> bytes:
        came = self.socket.recv(65536)
        if not self.is_secret:
            self.server.in_clear += came
        self.heard += came
        return came

    def upto(self, mark: bytes) -> bytes:
        while mark not in self.heard:
            if not self.read():
                raise _HungUp
        end = self.heard.index(mark) + len(mark)
        found = bytes(self.heard[:end])
        del self.heard[:end]
        return found

    def step(self, name: str, usual: bytes) -> None:
        self.server.script.get(name, say(usual))(self)

    def run(self) -> None:
        if self.server.security is Security.TLS:
            self.protect()
        self.step("connect", b"220 mx.example ESMTP\r\n")
        while True:
            line = self.upto(b"\r\n").decode("utf-8", "replace").strip()
            self.server.commands.append(line)
            self.answer(re.split(r"[ :]", line.upper())[0], line)

    def answer(self, command: str, line: str) -> None:
        match command:
            case "EHLO":
                lines = ["mx.example", *self.server.extensions]
                if self.server.security is Security.STARTTLS and not self.is_secret:
                    lines.append("STARTTLS")
                usual = [f"250-{line}" for line in lines[:-1]] + [f"250 {lines[-1]}"]
                self.step(command, "".join(f"{line}\r\n" for line in usual).encode())
            case "STARTTLS":
                self.step(command, b"220 go on\r\n")
                if self.server.tls:
                    self.protect()
            case "AUTH":
                self.server.logins.append(self.login(line.split()[1:]))
                self.step(command, b"235 welcome\r\n")
            case "DATA":
                self.step(
                    command, b"503 5.5.1 no valid recipients\r\n" if self.is_refused else b"354 go on\r\n"
                )
                if self.said.startswith(b"354"):
                    self.listen()
            case "QUIT":
                self.step(command, b"221 goodbye\r\n")
                raise _HungUp
            case _:
                self.said = b""
                self.step(command, b"250 fine\r\n")
                self.is_refused = self.said[:1] in {b"4", b"5"} or (self.is_refused and command == "RCPT")

    def login(self, words: list[str]) -> tuple[str, str]:
        """The user and password of AUTH PLAIN or LOGIN, or the user and token of XOAUTH2."""
        if words[0] == "PLAIN":
            _, user, password = _plain(words[1]).split("\0")
            return user, password
        if words[0] == "XOAUTH2":
            user, token, *rest = _plain(words[1]).split("\x01")
            assert rest == ["", ""]
            return user.removeprefix("user="), token.removeprefix("auth=Bearer ")
        answers = []
        for _ in range(2):
            self.say(b"334 \r\n")
            answers.append(_plain(self.upto(b"\r\n").decode()))
        return answers[0], answers[1]

    def listen(self) -> None:
        """The content, up to the dot."""
        if "body" in self.server.script:
            while len(self.heard) < _BODY_SEEN:
                if not self.read():
                    raise _HungUp
            self.step("body", b"")
            self.server.interrupted.set()
        self.heard[:0] = b"\r\n"  # so that a dot alone is found too
        self.content = self.upto(b"\r\n.\r\n").removesuffix(b".\r\n")[2:]
        self.server.dots += 1
        self.step("dot", b"250 kept\r\n")
        if self.said.startswith(b"2"):
            self.server.kept.append(self.content)

    def protect(self) -> None:
        assert self.server.tls
        self.socket = self.server.tls.wrap_socket(self.socket, server_side=True)
        self.is_secret = True
        self.heard.clear()


def _plain(text: str) -> str:
    return base64.b64decode(text).decode()


class HostileServer:
    """Listens from the moment it is made; used as a context it stops at the end.

    `dots` counts the final dots it saw, `kept` are the letters it holds (dots doubled, as they came), `logins`
    the users and passwords (or tokens) it was told. After a refusal of MAIL or RCPT its DATA is refused as well.
    """

    def __init__(
        self,
        script: Mapping[str, Act] | None = None,
        *,
        extensions: tuple[str, ...] = EXTENSIONS,
        security: Security = Security.PLAIN,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.script = {} if script is None else script
        self.extensions = extensions
        self.security, self.tls = security, tls
        self.commands: list[str] = []
        self.in_clear = bytearray()
        self.kept: list[bytes] = []
        self.logins: list[tuple[str, str]] = []
        self.dots = self.poured = 0
        self.interrupted, self.done = threading.Event(), threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def relay(self, *, host: str = "127.0.0.1", user: str = "", password: str = "") -> Relay:
        return Relay(host=host, port=self.port, security=self.security, user=user, password=password)

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    def settle(self) -> None:
        """Wait until every conversation has ended, so that all that was said has been heard."""
        for thread in self._threads[1:]:
            thread.join(5)
            assert not thread.is_alive()

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(accepted)
            self._start(lambda accepted=accepted: self._converse(accepted))  # type: ignore[misc]

    def _converse(self, accepted: socket.socket) -> None:
        talk = Talk(server=self, socket=accepted)
        with suppress(OSError, _HungUp):
            talk.run()
        with suppress(OSError):
            talk.socket.close()
        self.interrupted.set()
