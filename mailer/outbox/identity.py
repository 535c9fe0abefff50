"""Which database this is, and who may send from it: the installations it knows, where it lay when they were told.

A copy knows nothing of what was sent after it was made, and whoever starts it beside the original sends everything
twice. So a database keeps its place and the installations that send from it, each with a count that only grows; an
installation (one var/ on one machine) keeps the count it last saw. What does not fit is judged here, and sends nothing
until a person takes it over. Holding the letters back, and saying why, is for those who ask.
"""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, case, select, text

from mailer.errors import StoreError
from mailer.keeping import keep
from mailer.outbox.database import Database, insert
from mailer.outbox.schema import database_identity, installation

MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
"""Where a machine's identity is kept (machine-id(5)); it is confidential, so a digest of it goes on from here."""


class Verdict(StrEnum):
    """What a database is to an installation. Only from one that is `ours` may letters leave."""

    OURS = "ours"
    UNCLAIMED = "unclaimed"  # nobody has sent from it yet
    OLDER = "older"  # put back from a copy
    COPIED = "copied"  # it lies elsewhere than when it was claimed
    STRANGE = "strange"  # others send from it, and this installation is not among them


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What an installation remembers of one database: the count it last saw there, and when; 0 for nothing."""

    installation: str
    beats: int = 0
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Known:
    """What a database says of itself: its id, its place, and the beats of each installation that sends from it."""

    id: str
    place: str
    beats: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The verdict, and one sentence for the organiser unless all is well."""

    verdict: Verdict
    told: str = ""

    @property
    def may_send(self) -> bool:
        return self.verdict is Verdict.OURS


def judge(known: Known | None, memory: Memory, place: str) -> Verdict:
    """What a database that says `known` of itself, and lies at `place`, is to the installation that remembers this.

    The oldest copy is told first: of two reasons to be careful it is the one that has sent letters behind it.
    """
    if known is None or not known.beats:
        return Verdict.UNCLAIMED
    if known.beats.get(memory.installation, memory.beats) < memory.beats:
        return Verdict.OLDER
    if known.place != place:
        return Verdict.COPIED
    return Verdict.OURS if memory.installation in known.beats else Verdict.STRANGE


@dataclass(frozen=True, kw_only=True)
class Installation:
    """This var/ on this machine (`machine`, see `machine_id`), and the database it was started with.

    `name` is for people: the host's.
    """

    database: Database
    var: Path
    machine: str
    name: str

    def beat(self, now: datetime) -> Finding:
        """Look whether letters may leave, and count on if so. A database nobody has sent from is claimed.

        To be called before the first letter and every few seconds while letters leave: what was sent within one
        beat of a copy's making is all that a copy put back could send again unnoticed.

        Raises:
            StoreError: the database cannot be used, or var/ cannot be read or written. Then nothing may leave.
        """
        return self._counted(now, take=False)

    def take_over(self, now: datetime) -> Finding:
        """As `beat`, and whatever the verdict is, this installation may send from this database from now on."""
        return self._counted(now, take=True)

    def _counted(self, now: datetime, *, take: bool) -> Finding:
        mine = self._mine()
        with self.database.writing() as c:
            known, place = _known(c), place_of(c)
            memory = self._remembered(mine, known)
            verdict = judge(known, memory, place)
            if not (take or verdict in {Verdict.OURS, Verdict.UNCLAIMED}):
                return Finding(verdict=verdict, told=_told(verdict, memory, _others(c, mine)))
            database_id = known.id if known and known.place == place else _claim(c, place)
            beats = _count(c, mine, self.name, memory.beats, now)
        self._remember(database_id, mine, beats, now)
        return Finding(verdict=Verdict.OURS)

    def _mine(self) -> str:
        """The id of this installation: of a var/, in which half of it is made once, on a machine, the other half."""
        path = self.var / "installation"
        made = _read(path) or _write(path, {"id": _new_id()}, over=False)
        return _digest(f"{made['id']} {self.machine}")

    def _remembered(self, mine: str, known: Known | None) -> Memory:
        found = known and _read(self._memory_of(known.id, mine))
        if not found:
            return Memory(installation=mine)
        return Memory(installation=mine, beats=found["beats"], at=datetime.fromisoformat(found["at"]))

    def _remember(self, database_id: str, mine: str, beats: int, now: datetime) -> None:
        _write(self._memory_of(database_id, mine), {"beats": beats, "at": now.isoformat()})

    def _memory_of(self, database_id: str, mine: str) -> Path:
        return self.var / "seen" / f"{database_id}-{mine}"


def machine_id(files: Sequence[Path] = MACHINE_IDS) -> str:
    """A digest that tells this machine from others; empty where it has no identity of its own."""
    for file in files:
        with suppress(OSError):
            if found := file.read_bytes().strip():
                return _digest(found.decode("ascii", "replace"))
    return ""


def _digest(told: str) -> str:
    return hashlib.sha256(f"convenor {told}".encode()).hexdigest()[:16]


def place_of(c: Connection) -> str:
    """Where a database lies: its file's inode; on PostgreSQL the cluster and the database in it.

    Restarting, upgrading, moving the file within its disk or promoting a standby leave it what it was; every copy
    made file by file, dump and restore has another. A role that may not ask for the cluster's identifier goes without.
    """
    if c.dialect.name == "sqlite":
        return f"file {Path(str(c.engine.url.database)).stat().st_ino}"
    may_ask = c.scalar(text("SELECT has_function_privilege('pg_control_system()', 'execute')"))
    cluster = c.scalar(text("SELECT system_identifier FROM pg_control_system()")) if may_ask else "unknown"
    oid = c.scalar(text("SELECT oid FROM pg_database WHERE datname = current_database()"))
    return f"cluster {cluster} database {oid}"


def _known(c: Connection) -> Known | None:
    """What the database says; whoever else asks in order to write waits for this transaction's end."""
    row = c.execute(select(database_identity).with_for_update()).one_or_none()
    if row is None:
        return None
    counted = c.execute(select(installation.c.id, installation.c.beats))
    return Known(id=row.id, place=row.place, beats={each.id: each.beats for each in counted})


def _others(c: Connection, mine: str) -> Sequence[Any]:
    query = select(installation.c.name, installation.c.seen_at).where(installation.c.id != mine)
    return c.execute(query.order_by(installation.c.seen_at.desc())).all()


def _claim(c: Connection, place: str) -> str:
    """Write down where the database lies; returns its id."""
    claiming = insert(c, database_identity).values(number=1, id=_new_id(), place=place)
    claiming = claiming.on_conflict_do_update(index_elements=["number"], set_={"place": place})
    return str(c.scalar(claiming.returning(database_identity.c.id)))


def _count(c: Connection, mine: str, name: str, seen: int, now: datetime) -> int:
    """One beat more than was ever seen; an installation that is not admitted yet is so from here on."""
    counting = insert(c, installation).values(
        id=mine, name=name, admitted_at=now, beats=seen + 1, seen_at=now
    )
    most = case((installation.c.beats > seen, installation.c.beats), else_=seen)
    counting = counting.on_conflict_do_update(
        index_elements=["id"], set_={"name": name, "beats": most + 1, "seen_at": now}
    )
    return int(c.execute(counting.returning(installation.c.beats)).scalar_one())


_TAKE_OVER = "Nothing leaves until `convenor take-over` says that it may"


def _told(verdict: Verdict, memory: Memory, others: Sequence[Any]) -> str:
    match verdict:
        case Verdict.OLDER:
            return (
                f"this database was put back from a copy: it does not know what was sent until {_shown(memory.at)}, "
                f"and would send that again. {_TAKE_OVER}; look at `convenor plan` before"
            )
        case Verdict.COPIED:
            return (
                "this database is a copy, or was moved to another disk or server: if the original is still "
                f"in use, everything would be sent twice. {_TAKE_OVER}"
            )
    names = ", ".join(f"{each.name} (last seen {_shown(each.seen_at)})" for each in others)
    return f"another installation sends from this database: {names}. {_TAKE_OVER} from here, too"


def _shown(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at else "now"


def _new_id() -> str:
    return secrets.token_hex(8)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read ({error.strerror}); see that this user may read var/"
        ) from error
    except ValueError as error:
        raise StoreError(
            f"{path} is damaged; remove it, and let `convenor take-over` say that this database may send"
        ) from error
    return found


def _write(path: Path, facts: Mapping[str, Any], *, over: bool = True) -> dict[str, Any]:
    """As `keep`, with the folder; what the file then says."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        keep(path, json.dumps(facts), over=over)
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror}); make var/ writable") from error
    return _read(path) or dict(facts)
