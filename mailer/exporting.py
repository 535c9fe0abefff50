"""What is in force, written back as files: the agenda, the lists of people, the templates.

`convenor check` and `convenor apply` read them to the identical event and people, so that neither files nor desk drift.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from mailer.agenda import writing
from mailer.agenda.model import AgendaVersion, Event, RecipientList
from mailer.composition import wording
from mailer.composition.wording import Wording
from mailer.errors import ConvenorError
from mailer.recipients import writing as lists
from mailer.recipients.model import Recipient


@dataclass(frozen=True, kw_only=True)
class InForce:
    """One state of an event: a version, or what a draft has made of it, and everybody on its list. `contents` are those
    of the files that it attaches, by SHA-256.
    """

    version: AgendaVersion
    event: Event
    recipients: tuple[Recipient, ...]
    texts: Wording
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def heading(self) -> str:
        what = f"version {self.version.number} of {self.version.published_at:%Y-%m-%d %H:%M} UTC"
        lists = self.event.recipient_lists
        if self.event != self.version.event.model_copy(update={"recipient_lists": lists}):
            return f"A draft on {what}, as it was changed on the desk and not published."
        return f"Published as {what}."


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Which files are wanted."""

    agenda: bool = True
    lists: bool = True
    templates: bool = True


TEMPLATES_ALONE = Parts(agenda=False, lists=False)


Written = str | bytes
"""What a file says: text, or octets where others made it."""


def files(found: InForce, name: str, parts: Parts) -> dict[str, Written]:
    """By path below the folder: `agenda/` holds the agenda under `name`, the lists and what it attaches lie where it
    says. People of an agenda that names no list, taken over on the desk, get one that it then names.

    Raises:
        ConvenorError: it names a list that would lie outside the folder, or one path for two files.
    """
    written: dict[str, Written] = {}
    found = _with_a_list(found, name)
    places = [_inside(each) for each in found.event.recipient_lists]
    if parts.agenda:
        # an example counts its date from the day of its first publication, as its files are read
        tables = writing.document(found.event, today=found.version.first_published_at.date())
        written[f"agenda/{name}"] = writing.text(tables, heading=found.heading)
        for each in found.event.attachments:
            _put(written, f"agenda/{each.file}", found.contents[each.digest])
    if parts.lists:
        for place, people in zip(places, _shared_out(found), strict=True):
            _put(written, place, "".join(lists.of_people(people)))
    if parts.templates:
        written |= {f"templates/{path}": text for path, text in found.texts.texts.items()}
    return written


def _with_a_list(found: InForce, name: str) -> InForce:
    """Nobody may be missing from what is read back: whoever is on no file is taken off when files are applied."""
    if found.event.recipient_lists or not found.recipients:
        return found
    theirs = RecipientList(file=f"../recipients/{PurePosixPath(name).stem}.csv")
    return replace(found, event=found.event.model_copy(update={"recipient_lists": (theirs,)}))


def _put(written: dict[str, Written], path: str, said: Written) -> None:
    if written.setdefault(path, said) != said:
        raise ConvenorError(f"{path} would be two files: give one of them another name")


def in_the_way(folder: Path, written: Mapping[str, Written]) -> list[str]:
    """Files that are there already and say something else, and templates that are not in force any more."""
    other = [path for path, said in written.items() if _there(folder / path) not in {None, _octets(said)}]
    return other + _gone(folder, written)


def write(folder: Path, written: Mapping[str, Written]) -> None:
    """Write the files, each whole or not at all; take out templates that are not in force any more.

    Raises:
        ConvenorError: that cannot be done.
    """
    for path in (*written, *_gone(folder, written)):
        try:
            _write((folder / path).resolve(), written.get(path))
        except OSError as error:
            raise ConvenorError(f"{folder / path} cannot be written: {error.strerror}") from None


def _write(path: Path, said: Written | None) -> None:
    """Who may read a file that was there stays as it was."""
    if said is None:
        path.unlink()
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.new")
    beside.write_bytes(_octets(said))
    if path.exists():
        shutil.copymode(path, beside)
    beside.replace(path)


def _gone(folder: Path, written: Mapping[str, Written]) -> list[str]:
    """Templates that are there and not written, if any are written."""
    if not any(path.startswith("templates/") for path in written):
        return []
    there = (path.relative_to(folder).as_posix() for path in wording.files(folder / "templates"))
    return [path for path in there if path not in written]


def _octets(said: Written) -> bytes:
    return said.encode() if isinstance(said, str) else said


def _there(path: Path) -> bytes | None:
    """What a file holds; None where there is none."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def _inside(each: RecipientList) -> str:
    """Where a list lies below the folder; its place is told from that of the agenda file."""
    place: list[str] = ["agenda"]
    for part in PurePosixPath(each.file).parts:
        if part == ".." and place:
            place.pop()
        elif part in {"..", "/"} or "\\" in part or "\0" in part:
            raise ConvenorError(
                f"the list {each.file!r} lies outside of what can be exported: export --agenda"
            )
        else:
            place.append(part)
    return "/".join(place)


def _shared_out(found: InForce) -> Iterator[Sequence[Recipient]]:
    """Everybody on one list: that of their role, or the first. No list may be empty, for such a one is refused."""
    roles = [each.role for each in found.event.recipient_lists]
    if not roles:
        return
    shares: list[list[Recipient]] = [[] for _ in roles]
    for each in found.recipients:
        shares[roles.index(each.role) if each.role in roles else 0].append(each)
    for share in shares:
        if not share and found.recipients:
            most = max(shares, key=len)
            share.append(most.pop() if len(most) > 1 else most[0])
    yield from shares
