"""`/mailings/<key>/attachments`: the files that go with a mailing's letters, as the agenda's draft has them.

What may be attached is decided in `agenda.attachments`, how a change is kept in `drafting`. What is in a file is never
shown here: it is somebody else's, and is only given back to be kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, File, Form, HTTPException, Path, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer.agenda.attaching import HandedIn, attach, contents_of, take_off
from mailer.agenda.attachments import LARGEST, MOST, megabytes
from mailer.agenda.model import Attachment, Mailing
from mailer.drafting import Draft, Overtaken
from mailer.errors import BadInput, ConvenorError
from mailer.outbox import attachments
from mailer.outbox.roles import Role
from mailer.web.office import Office
from mailer.web.organiser import door
from mailer.web.organiser.agenda import drafting_of, looked
from mailer.web.organiser.frame import framed
from mailer.web.organiser.letter import to_keep

Key = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Digest = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Seen = Annotated[str, Form(max_length=40)]

_TO = "change the attachments of a mailing"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file. `stands`: nothing where it is in force and stays, else what the draft does with it."""

    attachment: Attachment
    stands: str

    @property
    def kind(self) -> str:
        """What people call it: by its ending."""
        return self.attachment.name.rpartition(".")[2].upper()

    @property
    def size(self) -> str:
        return megabytes(self.attachment.size)

    @property
    def is_out(self) -> bool:
        return self.stands == TAKEN_OFF


NEW, TAKEN_OFF = "in the draft", "taken off in the draft"


@dataclass(frozen=True, kw_only=True)
class Files:
    """What a mailing attaches, in force and in the draft. `seen` names the state of the draft that was looked at."""

    mailing: Mailing
    seen: str
    rows: tuple[Row, ...]
    problems: tuple[str, ...] = ()
    is_overtaken: bool = False

    @property
    def at(self) -> str:
        return f"/mailings/{self.mailing.key}/attachments"

    @property
    def is_changed(self) -> bool:
        return any(each.stands for each in self.rows)

    @property
    def whole(self) -> str:
        """How much the draft's are together."""
        return megabytes(sum(each.attachment.size for each in self.rows if not each.is_out))

    @property
    def rules(self) -> str:
        """What may be attached, in one sentence."""
        limits = f"{MOST} files at most, {megabytes(LARGEST)} in all"
        return f"{limits}; programs, scripts and documents with macros are refused."


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/mailings/{key}/attachments")
    def page(key: Key) -> HTMLResponse:
        door.must(office, Role.VIEWER, "see a mailing")
        return _page(office, _files(looked(office), key))

    @router.post("/mailings/{key}/attachments")
    def add(key: Key, seen: Seen = "", file: Annotated[list[UploadFile] | None, File()] = None) -> Response:
        door.must(office, Role.ORGANISER, _TO)
        given = [each for each in file or () if each.filename]
        came = [HandedIn(given=each.filename or "", content=each.file.read(LARGEST + 1)) for each in given]
        is_too_much = sum(len(each.content) for each in came) > LARGEST
        return _edited(office, key, seen, came, status=413 if is_too_much else 422)

    @router.post("/mailings/{key}/attachments/take-off")
    def remove(key: Key, seen: Seen = "", file: Annotated[str, Form(max_length=400)] = "") -> Response:
        door.must(office, Role.ORGANISER, _TO)
        return _edited(office, key, seen, file)

    @router.get("/mailings/{key}/attachments/{digest}")
    def download(key: Key, digest: Digest) -> Response:
        """The file, to be kept and not to be shown, whatever is in it."""
        door.must(office, Role.VIEWER, "see a mailing")
        found = [each.attachment for each in _files(looked(office), key).rows]
        named = next((each for each in found if each.digest == digest), None)
        if named is None:
            raise HTTPException(404)
        with office.database.reading() as transaction:
            content = attachments.contents(transaction, [digest]).get(digest)
        if content is None:
            raise HTTPException(404)
        return to_keep(named.name, content)

    return router


def on(office: Office, key: str) -> Files | None:
    """What a mailing's page shows of its files; nothing for those that leave by themselves."""
    try:
        return _files(looked(office), key)
    except HTTPException:
        return None


def _files(draft: Draft, key: str, problems: Sequence[str] = (), *, is_overtaken: bool = False) -> Files:
    """Raises HTTPException (404): no file can be attached to a mailing of that key."""
    in_force = next((each for each in draft.version.event.mailings if each.key == key), None)
    drafted = next((each for each in draft.event.mailings if each.key == key), None)
    mailing = drafted or in_force
    if mailing is None:
        raise HTTPException(404)
    before = in_force.attachments if in_force else ()
    after = drafted.attachments if drafted else ()
    rows = [Row(attachment=each, stands="" if each in before else NEW) for each in after]
    rows += [Row(attachment=each, stands=TAKEN_OFF) for each in before if each not in after]
    return Files(
        mailing=mailing,
        seen=draft.seen,
        rows=tuple(rows),
        problems=tuple(problems),
        is_overtaken=is_overtaken,
    )


def _edited(
    office: Office, key: str, seen: str, change: Sequence[HandedIn] | str, *, status: int = 422
) -> Response:
    """The mailing's page after files were attached, or one was taken off; or what is wrong."""
    drafting = drafting_of(office, door.visitor().name)
    try:
        if isinstance(change, str):
            drafting.edit(seen, lambda event: take_off(event, key, change))
        else:
            drafting.edit(seen, lambda event: attach(event, key, change), contents_of(change))
    except Overtaken as error:
        return _page(office, _files(error.draft, key, is_overtaken=True), status=409)
    except BadInput as error:
        return _page(
            office, _files(looked(office), key, [each.message for each in error.problems]), status=status
        )
    except (KeyError, ConvenorError):
        raise HTTPException(404) from None
    return RedirectResponse(f"/mailings/{key}#attachments", 303)


def _page(office: Office, files: Files, *, status: int = 200) -> HTMLResponse:
    return framed(
        office, "organiser/mailings/attached.html", status=status, files=files, mailing=files.mailing
    )
