"""How much work a letter is, counted and not timed: a slower machine changes none of these numbers."""

import gc
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as listening

from mailer.composition.composing import Composer
from mailer.delivery.tray import Tray, TrayServer
from mailer.outbox import database as outbox_database
from mailer.outbox.database import open_database
from tests.conference import EVENT, PUBLISHED_AT, version
from tests.databases import empty_sqlite
from tests.delivery.hostile import HostileServer, Talk, say
from tests.dispatch.floor import SENDER, TEXTS, crowd, desk_of, over, written

LETTERS = 200

PER_LETTER = {"UPDATE letter": 3, "INSERT entry": 1}
"""Rows written for a letter that is accepted: claimed, intended, sent; what its calendar holds."""


def test_a_letter_writes_four_rows_and_no_more(tmp_path: Path) -> None:
    database = open_database(empty_sqlite(tmp_path))
    tray = Tray(tmp_path / "tray.db", durable=False)
    server = TrayServer(tray, clock=lambda: PUBLISHED_AT)
    service = written(database, LETTERS)
    rows: Counter[str] = Counter()
    with desk_of(service, over(server.start(), 8)) as desk:
        before = changes(database)
        desk.work()
        rows["all"] = changes(database) - before
    server.stop()

    assert rows["all"] == LETTERS * sum(PER_LETTER.values())
    database.close()


def changes(database: Any) -> int:
    """Rows that the one connection which writes has written so far."""
    with database.writing() as transaction:
        return int(transaction.connection.driver_connection.total_changes)


class Counting:
    """A driver's cursor that keeps what it was asked, once for a statement however many rows go with it."""

    def __init__(self, cursor: Any, asked: list[str]) -> None:
        self._cursor, self._asked = cursor, asked

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._cursor, name)
        if not name.startswith("execute"):
            return found

        def execute(statement: str, *values: Any) -> Any:
            self._asked.append(statement)
            return found(statement, *values)

        return execute


def test_a_commit_asks_few_things_however_many_letters_share_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = open_database(empty_sqlite(tmp_path))
    service = written(database, LETTERS)
    asked: list[str] = []
    commits: list[object] = []
    real = getattr(outbox_database, "_cursor")  # noqa: B009 - the one door to the driver

    @contextmanager
    def counted(c: Any) -> Iterator[Any]:
        with real(c) as cursor:
            yield Counting(cursor, asked)

    monkeypatch.setattr(outbox_database, "_cursor", counted)
    listening.listen(database.engine, "before_cursor_execute", lambda _c, _k, said, *_: asked.append(said))
    listening.listen(database.engine, "commit", commits.append)
    with HostileServer() as server, desk_of(service, over(server.relay(), 8)) as desk:
        desk.work()

    assert 5 * len(commits) < len(asked) < 13 * len(commits)
    assert [each for each in asked if "PRAGMA" in each] == [], "then all of it is prepared anew"
    database.close()


def test_a_letter_is_two_writes_and_one_round_trip_to_the_server(tmp_path: Path) -> None:
    """Content; then the dot with the next envelope. The server answers both in one breath."""
    heard: list[str] = []

    def note(reply: bytes) -> Any:
        def act(talk: Talk) -> None:
            heard.append("all at once" if b"MAIL" in bytes(talk.heard) else "alone")
            say(reply)(talk)

        return act

    database = open_database(empty_sqlite(tmp_path))
    service = written(database, 30)
    with (
        HostileServer({"dot": note(b"250 kept\r\n")}) as server,
        desk_of(service, over(server.relay(), 1)) as desk,
    ):
        desk.work()

    assert heard == ["all at once"] * 29 + ["alone"]
    database.close()


def test_a_letter_of_a_known_shape_renders_no_template_and_leaves_no_memory_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    composer = Composer(SENDER)
    invitation = EVENT.mailings[0]
    people = crowd(600)

    def compose(recipients: tuple[Any, ...]) -> int:
        return sum(
            len(
                composer.compose(
                    version=of, mailing=invitation, anchor="event", recipient=each,
                    due_at=PUBLISHED_AT, dated_at=PUBLISHED_AT, texts=TEXTS,
                ).raw
            )
            for each in recipients
        )  # fmt: skip

    of = version()
    size = compose(people[:100]) // 100
    monkeypatch.setattr("mailer.composition.wording.render", None)
    monkeypatch.setattr("mailer.composition.wording.parts", None)
    gc.collect()
    tracemalloc.start()
    compose(people[100:])
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept < 2 * size, "letters are not to be remembered"
    assert size < 40_000
