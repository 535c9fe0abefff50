"""Certificates for a test run: an authority of our own, and what it signs. Made by the `openssl` program."""

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """Signs certificates that a client who trusts it believes."""

    def __init__(self, folder: Path) -> None:
        if not shutil.which("openssl"):
            pytest.skip("there is no openssl program: TLS was not tried")
        self._folder = folder
        self._run("req", "-x509", *_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=An authority")

    def client(self) -> ssl.SSLContext:
        """The program's own context, but for trusting this authority alone."""
        return ssl.create_default_context(cafile=str(self._folder / "ca.pem"))

    def server(self, name: str = "IP:127.0.0.1", *, days: int = 2) -> ssl.SSLContext:
        """A server's certificate for one name; with negative days one that has expired."""
        (self._folder / "names").write_text(f"subjectAltName={name}\n")
        self._run("req", *_KEY, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=A server")
        authority = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
        self._run(
            "x509", "-req", "-in", "server.csr", *authority, "-days", str(days), "-extfile", "names",
            "-out", "server.pem",
        )  # fmt: skip
        return self._context()

    def self_signed(self) -> ssl.SSLContext:
        """A certificate for the right name that nobody has signed."""
        name = ("-addext", "subjectAltName=IP:127.0.0.1")
        self._run(
            "req", "-x509", *_KEY, "-keyout", "server.key", "-out", "server.pem", "-subj", "/CN=Me", *name
        )
        return self._context()

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / "server.pem", self._folder / "server.key")
        return context

    def _run(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._folder, check=True, capture_output=True)
