"""Commands of a project, each in a fork of one Python that has Convenor and its libraries ready.

A person who types a command waits for Python to start, for some hundred modules and for every template to be tried;
that is most of its time, and the same each time. A fork has arguments, environment, output and end of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

READY = "mailer.cli", "mailer.errand", "mailer.rehearsal", "mailer.terminal", "mailer.web.organiser.status"


@dataclass(frozen=True, kw_only=True)
class Warm:
    """What waits for commands in the project's folder; one at a time."""

    process: subprocess.Popen[str]
    folder: Path

    def run(self, arguments: tuple[str, ...], environment: Mapping[str, str]) -> tuple[int, bytes, bytes]:
        """A command's exit code, and what it wrote to its output and of its errors. There is nobody to ask."""
        out, err = self.folder / "out", self.folder / "err"
        order = {"arguments": arguments, "environment": dict(environment), "out": str(out), "err": str(err)}
        assert self.process.stdin
        assert self.process.stdout
        print(json.dumps(order), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline()), out.read_bytes(), err.read_bytes()


@contextmanager
def warm(root: Path, environment: Mapping[str, str], folder: Path) -> Iterator[Warm]:
    """It runs the program that lies in `root`; `folder` is for what commands write."""
    command = [sys.executable, __file__]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=root, env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        yield Warm(process=process, folder=folder)
        assert process.stdin
        process.stdin.close()


def _serve() -> None:
    """Returns in each fork, which then is the command, and once more when nobody has commands any more."""
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if not pid:
            _become(**order)
            return
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    os._exit(0)


def _become(arguments: list[str], environment: Mapping[str, str], out: str, err: str) -> None:
    writing = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, path, how in ((0, os.devnull, os.O_RDONLY), (1, out, writing), (2, err, writing)):
        os.dup2(os.open(path, how, 0o600), number)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["convenor", *arguments]


if __name__ == "__main__":
    sys.path[0] = str(Path.cwd())
    for name in READY:
        import_module(name)
    wording, parts = import_module("mailer.composition.wording"), import_module("mailer.parts")
    wording.check(wording.load(parts.TEMPLATES))
    _serve()
    import_module("mailer.cli").main()
