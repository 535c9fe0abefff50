"""A small client of Marionette, the remote control of Mozilla's programs: commands over one socket on loopback.

Knows the protocol's frames (version 3, as in Mozilla's "Marionette Protocol") and nothing of mail.
"""

import base64
import json
import socket
from types import TracebackType
from typing import Any, Self

MOST_DIGITS = 10


class MarionetteError(Exception):
    """The program answered with an error: its name, its message and where in the script it arose."""


class Marionette:
    """A session with the program itself, not with a page it shows ("chrome context").

    Raises:
        OSError: nobody listens yet, or no answer came in time.
    """

    def __init__(self, port: int, *, answered_within: float) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=answered_within)
        self._file = self._socket.makefile("rb")
        self._number = 0
        self._frame()  # its greeting
        self.ask("WebDriver:NewSession")
        self.ask("Marionette:SetContext", value="chrome")
        self.ask("WebDriver:SetTimeouts", script=int(answered_within * 1000))

    def ask(self, command: str, **parameters: Any) -> Any:
        """One command and its result."""
        self._number += 1
        asked = json.dumps([0, self._number, command, parameters])
        self._socket.sendall(f"{len(asked)}:{asked}".encode())
        _, number, error, result = self._frame()
        assert number == self._number, "an answer to something else"
        if error:
            raise MarionetteError(f"{error['error']}: {error['message']}\n{error['stacktrace']}")
        return result

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script returns; a promise is waited for."""
        return self.ask("WebDriver:ExecuteScript", script=script, args=list(arguments), sandbox="system")[
            "value"
        ]

    def picture(self) -> bytes:
        """The window as it looks, a PNG."""
        return base64.b64decode(self.ask("WebDriver:TakeScreenshot", full=False)["value"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._socket.close()

    def _frame(self) -> Any:
        """`length:JSON`. The length is in octets, and the JSON is ASCII when we write it."""
        digits = b""
        while (octet := self._file.read(1)) != b":":
            if not octet.isdigit() or len(digits) > MOST_DIGITS:
                raise ConnectionError("the program hung up")
            digits += octet
        return json.loads(self._file.read(int(digits)))
