"""A newcomer's first event: an agenda file from a short form, from the example or from a file of theirs, and what is
left to do until the first letter can leave.

What a file says is judged by `dossier`; nothing is kept of one that cannot be used.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from mailer import dossier
from mailer.agenda.model import AgendaVersion, Organiser
from mailer.composition.dkim import DkimKey, dns_record
from mailer.delivery.relay import Relay
from mailer.dossier import Dossier
from mailer.errors import BadInput, ConvenorError, Problem
from mailer.publishing import Foreseen

_THE_DAY, _THE_MAILINGS = "# ── the day", "# ── the mailings"
"""Where those parts of the example's file begin."""

_ALLOWS = {
    "microsoft365": "include:spf.protection.outlook.com",
    "google-workspace": "include:_spf.google.com",
    "google-relay": "include:_spf.google.com",
    "amazon-ses": "include:amazonses.com",
    "amazon-ses-sandbox": "include:amazonses.com",
}
"""What a domain's SPF record (RFC 7208 5) says of the servers of these profiles."""


class Hands(Protocol):
    """What reads the files of an event that is begun, says what publishing them does, and does it: `errand`'s."""

    def read(self) -> tuple[Dossier, AgendaVersion | None]: ...

    def foresee(self, found: Dossier, latest: AgendaVersion | None, /) -> Foreseen: ...

    def publish(self, found: Dossier, seen: tuple[int, datetime], /, *, by: str) -> AgendaVersion: ...


@dataclass(frozen=True, kw_only=True)
class Setup:
    """Where a new event's file will be, `shown` as a person would type it, and what the settings say of sending.

    `hands` publish an event for the first time; None where that is done by itself.
    """

    path: Path
    shown: str
    example: Path
    templates: Path
    sender: tuple[str, str] | None = None
    relay: Relay | None = None
    return_path: str = ""
    dkim: tuple[DkimKey, ...] = ()
    is_reachable: bool = False
    hands: Callable[[], Hands] | None = None


class Like(StrEnum):
    """What a new event begins as: the example's day and mailings, or one session and the invitation."""

    EXAMPLE = "example"
    EMPTY = "empty"


@dataclass(frozen=True, kw_only=True)
class Basics:
    """What must be said of any event, as it was written: each is text, and judged when the file is read."""

    title: str = ""
    date: str = ""
    start: str = "09:00"
    end: str = "17:00"
    timezone: str = "Europe/Vienna"
    language: str = "en"
    venue: str = ""
    street: str = ""
    city: str = ""
    organiser: str = ""
    address: str = ""


def agenda_text(basics: Basics, like: Like, key: str, example: str, lists: Mapping[str, bytes]) -> str:
    """An agenda file. `example` is the example's, `lists` are those of people by the names of their files."""
    head = [
        "[event]",
        *_pairs(
            key=key, title=basics.title, language=basics.language, timezone=basics.timezone, date=basics.date
        ),
        *(["assumed_minutes = 15"] if like is Like.EXAMPLE else []),
        "",
        "[event.venue]",
        *_pairs(name=basics.venue, street=basics.street, city=basics.city),
        "",
        "[event.organiser]",
        *_pairs(name=basics.organiser, address=basics.address),
        "",
        *(line for name in lists for line in ("[[recipients]]", *_pairs(file=f"../recipients/{name}"), "")),
    ]
    if like is Like.EXAMPLE:
        body = example[example.index(_THE_DAY) :]
    else:
        session = _pairs(key="conference", title=basics.title, start=basics.start, end=basics.end)
        mailings = example[example.index(_THE_MAILINGS) :].split("\n[[mailing]]\n")
        body = "\n".join(["[[session]]", *session, "", "[[mailing]]", mailings[1].rstrip(), ""])
    return "\n".join(head) + "\n" + body


def _pairs(**values: str) -> list[str]:
    """A TOML string may be written as JSON writes one, but for one control character (TOML 1.0, strings)."""
    return [
        f"{name} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")
        for name, value in values.items()
    ]


def begin(
    path: Path,
    text: str,
    lists: Mapping[str, bytes],
    *,
    today: date,
    templates: Path,
    sender: tuple[str, str] | None = None,
) -> Dossier:
    """Keep a new agenda file at `path`, and lists of people in `recipients/` beside its folder, if all of it can be
    used; what they say.

    Raises:
        BadInput: everything wrong in any of them; nothing is kept.
        ConvenorError: one of the files is there already, or the folder cannot be written to.
    """
    folder = path.parent.parent / "recipients"
    files = {folder / name: content for name, content in lists.items()}
    strange = [name for name in lists if name != Path(name).name or not name.endswith(".csv")]
    if strange:
        raise BadInput(
            [Problem(file=name, message="is no name of a list: it ends in .csv") for name in strange]
        )
    taken = [kept.name for kept, content in files.items() if kept.exists() and kept.read_bytes() != content]
    taken += [path.name] if path.exists() else []
    if taken:
        raise ConvenorError(f"{' and '.join(taken)}: there is such a file already, and it stays as it is")
    with tempfile.TemporaryDirectory(prefix="convenor-start-") as tried:
        try:
            found = _tried(
                Path(tried),
                path.name,
                text,
                lists=lists,
                folder=folder,
                today=today,
                templates=templates,
                sender=sender,
            )
        except BadInput as error:
            raise BadInput([replace(each, file=Path(each.file).name) for each in error.problems]) from None
    try:
        path.parent.mkdir(exist_ok=True)
        folder.mkdir(exist_ok=True)
        for kept, content in files.items():
            kept.write_bytes(content)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConvenorError(f"{path.parent.name}/ cannot be written to: {error.strerror}") from None
    return found


def _tried(
    tried: Path,
    name: str,
    text: str,
    *,
    lists: Mapping[str, bytes],
    folder: Path,
    today: date,
    templates: Path,
    sender: tuple[str, str] | None,
) -> Dossier:
    """The files read together in a folder where they do no harm, beside the lists that are there."""
    (tried / "agenda").mkdir()
    (tried / "recipients").mkdir()
    (tried / "agenda" / name).write_text(text, "utf-8")
    for there in folder.glob("*.csv"):
        with suppress(OSError):
            (tried / "recipients" / there.name).symlink_to(there.resolve())
    for given, content in lists.items():
        (tried / "recipients" / given).unlink(missing_ok=True)
        (tried / "recipients" / given).write_bytes(content)
    found = dossier.read(tried / "agenda" / name, today=today, templates=templates, sender=sender)
    if found.event.example:
        raise BadInput(
            [Problem(file=name, field="event.example", message="is for the example alone: take it out")]
        )
    return found


# ── published for the first time ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class First:
    """Files of which nothing is published yet, and what publishing them does: the letters that leave at once, as
    (title, how many), in the order of the agenda. `problems` are what stands against it, and what is doubtful.
    """

    found: Dossier
    seen: tuple[int, datetime]
    at_once: tuple[tuple[str, int], ...]
    problems: tuple[Problem, ...] = field(default=())

    @property
    def is_sound(self) -> bool:
        return all(each.warning for each in self.problems)

    @property
    def sign(self) -> str:
        """Names these files: whoever has another in hand has not seen them."""
        said = [
            self.found.event.model_dump_json(),
            *(each.model_dump_json() for each in self.found.recipients),
            self.found.texts.digest,
        ]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()


class SomethingElse(ConvenorError):  # noqa: N818 - it says what happened
    """The files are others than those that were looked at. Nothing was published."""


def first(hands: Hands) -> First | None:
    """What publishing the files for the first time does; None where something of them is published.

    Raises:
        BadInput: the files cannot be used.
    """
    found, latest = hands.read()
    if latest is not None:
        return None
    foreseen = hands.foresee(found, None)
    difference = foreseen.difference
    at_once = ((each.title, difference.due_at_once.get(each.key, 0)) for each in found.event.mailings)
    return First(
        found=found,
        seen=difference.seen,
        at_once=tuple((title, letters) for title, letters in at_once if letters),
        problems=(*found.warnings, *foreseen.problems),
    )


def publish_first(hands: Hands, sign: str, by: str) -> AgendaVersion | None:
    """Publish the files whose sign somebody has seen; None where something of them is published.

    Raises:
        SomethingElse: the files have changed since.
        BadInput: they cannot be used, or something stands against it.
    """
    seen = first(hands)
    if seen is None:
        return None
    if seen.sign != sign:
        raise SomethingElse("the files have changed since you looked: look again")
    if not seen.is_sound:
        raise BadInput([each for each in seen.problems if not each.warning])
    return hands.publish(seen.found, seen.seen, by=by)


# ── until the first letter can leave ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Record:
    """One record to publish in the DNS: its type is TXT. `why` says what it is for."""

    name: str
    value: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What there is. `tested` is what accepted a test letter, `codes` whether an administrator uses them."""

    organiser: Organiser
    relay: Relay | None
    is_reachable: bool
    people: int
    codes: bool
    tested: str


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to be done. `key` names it for the page; `says` is how it stands."""

    key: str
    title: str
    is_done: bool
    says: str


def steps(facts: Facts) -> tuple[Step, ...]:
    """What is to be done until the first letter can leave, in order."""
    address, server = facts.organiser.address, str(facts.relay) if facts.relay else ""
    is_invented = address.endswith(".example")
    return (
        Step(
            key="sender", title="Whom letters are from", is_done=not is_invented,
            says=f"{facts.organiser.name} <{address}>{', an invented address' if is_invented else ''}",
        ),
        Step(
            key="server", title="A mail server", is_done=facts.relay is not None,
            says=server or "none is set: every letter goes to the tray, and nothing leaves this machine",
        ),
        Step(
            key="reachable", title="Pages that readers can open", is_done=facts.is_reachable,
            says="letters link to them" if facts.is_reachable else "links lead to this machine, where no reader comes",
        ),
        Step(
            key="test", title="A letter to yourself", is_done=bool(server) and facts.tested == server,
            says=f"{facts.tested} took one" if facts.tested else "none has been sent",
        ),
        Step(
            key="people", title="People", is_done=facts.people > 0,
            says=f"{facts.people:,} on the list" if facts.people else "nobody is on the list",
        ),
        Step(
            key="codes", title="An administrator who uses codes", is_done=facts.codes,
            says="a stolen password alone opens nothing" if facts.codes else "a stolen password is enough to come in",
        ),
    )  # fmt: skip


def records(
    organiser: Organiser, return_path: str, relay: Relay | None, keys: tuple[DkimKey, ...]
) -> tuple[Record, ...]:
    """What to publish in the DNS so that others know letters for yours: SPF (RFC 7208), DKIM (RFC 6376), DMARC (RFC
    7489). Nothing while no mail server is set.
    """
    if relay is None:
        return ()
    domain = organiser.address.rpartition("@")[2]
    envelope = return_path.rpartition("@")[2] or domain
    allows = _ALLOWS.get(relay.profile.name, f"a:{relay.host}")
    return (
        Record(
            name=envelope, value=f"v=spf1 {allows} ~all",
            why="SPF: this server may send for you. If there is such a record, put the middle part into it.",
        ),
        *(
            Record(name=f"{key.selector}._domainkey.{domain}", value=dns_record(key.pem), why="DKIM: your signature.")
            for key in keys
        ),
        Record(
            name=f"_dmarc.{domain}", value=f"v=DMARC1; p=none; rua=mailto:{organiser.address}",
            why="DMARC: tell me of letters that are not mine. Later, p=quarantine keeps them away.",
        ),
    )  # fmt: skip
