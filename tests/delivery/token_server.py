"""A token endpoint for the tests: the standard library's web server over TLS on loopback, saying what it is told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from tests.delivery.certificates import Authority

PATIENCE_FOR = 20.0


@dataclass
class TokenServer:
    """`says` are its answers, the last one for ever: a status and what stands in it, or raw bytes. `asked` is what it
    was asked. While `may_answer` is not set it keeps everybody waiting.
    """

    url: str = ""
    says: list[tuple[int, dict[str, Any] | bytes]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def gives(self, token: str, holds_for: object = 3600, **more: object) -> None:
        """From now on it gives this token."""
        self.says = [(200, {"access_token": token, "token_type": "Bearer", "expires_in": holds_for} | more)]

    def refuses(self, error: str, status: int = 400, **more: object) -> None:
        self.says = [(status, {"error": error} | more)]


@contextmanager
def serving(authority: Authority) -> Iterator[TokenServer]:
    """A running endpoint with a certificate of this authority."""
    told = TokenServer()
    told.may_answer.set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(told))
    server.daemon_threads = True
    server.socket = authority.server().wrap_socket(server.socket, server_side=True)
    told.url = f"https://127.0.0.1:{server.server_address[1]}/token"
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield told
    finally:
        told.may_answer.set()
        server.shutdown()
        server.server_close()


def _handler(told: TokenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            told.asked.append({name: values[0] for name, values in form.items()})
            told.came.set()
            told.may_answer.wait(PATIENCE_FOR)
            status, said = told.says.pop(0) if len(told.says) > 1 else told.says[0]
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            told.asked.append({"method": "GET"})
            self.send_error(405)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
