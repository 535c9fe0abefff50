"""`/mailings`: each mailing, whom it reaches and when, in which words; tried, approved. Decisions are `mailings`' and
`releasing`'s.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer import linting
from mailer.agenda import rewriting
from mailer.agenda.model import OF_ITSELF, AgendaVersion, CalendarPart, Mailing, MailingKind
from mailer.composition import wording
from mailer.composition.composing import Composed
from mailer.composition.placeholders import PLACEHOLDERS, direction_of
from mailer.composition.wording import PARTS
from mailer.errors import BadInput, ConvenorError, Problem
from mailer.lately import NotYet
from mailer.mailings import Mailings, Overtaken, Reach
from mailer.outbox.letter import Happening
from mailer.outbox.schema import Role
from mailer.planning import due, shifting
from mailer.recipients import audience
from mailer.recipients.cells import address_in
from mailer.releasing import Releasing, every_mailing
from mailer.standing import standing
from mailer.web import pages
from mailer.web.office import Office
from mailer.web.organiser import caught, door
from mailer.web.organiser.frame import framed
from mailer.web.organiser.tray import LETTER_POLICY

Key = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Language = Annotated[str, Path(pattern=r"^[a-z]{2,3}(-[a-z0-9]{2,8})*$")]
Text = Annotated[str, Form(max_length=60_000)]
Short = Annotated[str, Form(max_length=2_000)]
Part = Literal["html", "text"]
Light = Literal["", "light", "dark"]

_MOST_OCCASIONS = 8
_DARK = re.compile(r"@media\s*\(\s*prefers-color-scheme\s*:\s*dark\s*\)")
_FRAME = {"Content-Security-Policy": LETTER_POLICY, "X-Frame-Options": "SAMEORIGIN"}


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    _add_looking(router, office)
    _add_facts(router, office)
    _add_wording(router, office)
    _add_approving(router, office)
    return router


def _mailings(office: Office, by: str = "") -> Mailings:
    return Mailings(
        database=office.database, event=office.event, sender=office.sender, now=office.clock(), by=by
    )


def _releasing(office: Office) -> Releasing:
    return Releasing(database=office.database, event=office.event, waits=False)


def _found(office: Office, key: str) -> tuple[AgendaVersion, Mailing]:
    """Raises HTTPException (404): nothing is published, or no mailing of that key."""
    try:
        version = _mailings(office).version()
        return version, version.event.mailing(key)
    except (ConvenorError, KeyError):
        raise HTTPException(404) from None


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a mailing's letter is looked at: as whom, in which language, how wide, in which light, which part."""

    to: Annotated[str, Query(max_length=320)] = ""
    language: Annotated[str, Query(max_length=20)] = ""
    width: Literal["phone", "desktop"] = "desktop"
    light: Light = ""
    part: Part = "html"
    after: Annotated[int, Query(ge=0, le=2**62)] = 0
    judge: Literal["", "spam"] = ""

    def but(self, **other: object) -> str:
        """The query of the same look with something else."""
        values = {
            "to": self.to,
            "language": self.language,
            "width": self.width,
            "light": self.light,
            "part": self.part,
        }
        return urlencode({name: value for name, value in {**values, **other}.items() if value})


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────


def _add_looking(router: APIRouter, office: Office) -> None:
    @router.get("/mailings")
    def every() -> HTMLResponse:
        door.must(office, Role.VIEWER, "see the mailings")
        now = office.clock()
        found = standing(office.database, office.event, now, in_full=False)
        if found is None:
            return framed(office, "organiser/mailings/every.html", rows=[], zone=None, event=None)
        sights = {each.mailing.key: each for each in _releasing(office).sights(now)}
        stands = {each.mailing: each for each in found.mailings}
        rows = [
            (mailing, stands.get(mailing.key), sights[mailing.key])
            for mailing in every_mailing(found.version)
        ]
        event = found.version.event
        return framed(
            office, "organiser/mailings/every.html", rows=rows, zone=event.zone, event=event, now=now
        )

    @router.get("/mailings/{key}")
    def one(key: Key, look: Annotated[Look, Depends()], said: str = "") -> HTMLResponse:
        door.must(office, Role.VIEWER, "see a mailing")
        version, mailing = _found(office, key)
        return _page(office, version, mailing, look, said=_SAID.get(said, ""))

    @router.get("/mailings/{key}/people")
    def whom(
        key: Key,
        audience_text: Annotated[str, Query(alias="audience", max_length=2_000)] = "",
        after: int = 0,
    ) -> HTMLResponse:
        """The count and the list for an audience as it stands in the form, kept or not."""
        door.must(office, Role.VIEWER, "see an audience")
        version, mailing = _found(office, key)
        problem = ""
        if audience_text:
            kinds = [session.key for session in version.event.sessions]
            problem = "; ".join(
                audience.check(audience_text, sessions=kinds, per_session=mailing.rule.per_session)
            )
            mailing = mailing if problem else mailing.model_copy(update={"audience": audience_text})
        try:
            found = {"problem": problem} if problem else _people(office, mailing, after)
        except NotYet as error:
            found = _uncounted(mailing, after, error)
        return framed(
            office,
            "organiser/mailings/people.html",
            status=422 if problem else 200,
            mailing=mailing,
            zone=version.event.zone,
            **found,
        )

    @router.get("/mailings/{key}/letter.html")
    def frame(
        key: Key,
        to: Annotated[str, Query(max_length=320)] = "",
        language: Annotated[str, Query(max_length=20)] = "",
        light: Light = "",
        part: Part = "html",
    ) -> HTMLResponse:
        """The letter one person would get, for the frame on the mailing's page and nowhere else."""
        door.must(office, Role.VIEWER, "see a letter")
        _, mailing = _found(office, key)
        this = _mailings(office)
        try:
            letter = this.letter(mailing, this.reader(to), this.texts(), language=language)
        except ConvenorError as error:
            return _refused([str(error)])
        return _framed_letter(letter, light, part)

    @router.post("/mailings/{key}/letter.html")
    def tried(
        key: Key,
        *,
        language: Short = "",
        to: Short = "",
        light: Annotated[Light, Form()] = "",
        part: Annotated[Part, Form()] = "html",
        subject: Text = "",
        text: Text = "",
        html: Text = "",
    ) -> HTMLResponse:
        """The same, in words that are not kept: those in the form."""
        door.must(office, Role.ORGANISER, "try a wording")
        _, mailing = _found(office, key)
        this = _mailings(office)
        written = {"subject.txt": subject, "txt": text, "html": html}
        texts = this.texts().with_texts(
            {f"{mailing.kind}/{language}.{name}": written[name] for name in PARTS}
        )
        if found := [str(each) for each in wording.check_letter(texts, mailing.kind, language)]:
            return _refused(found)
        try:
            letter = this.letter(mailing, this.reader(to), texts, language=language)
        except ConvenorError as error:
            return _refused([str(error)])
        return _framed_letter(letter, light, part)


def _framed_letter(letter: Composed, light: str, part: str) -> HTMLResponse:
    if part == "text":
        return framed_text(letter)
    source = caught.for_the_frame(letter.html)
    if light:
        source = _DARK.sub("@media all" if light == "dark" else "@media not all", source)
    return HTMLResponse(source, headers=_FRAME)


def framed_text(letter: Composed) -> HTMLResponse:
    return _bare(
        "organiser/mailings/text.html", subject=letter.subject, text=letter.text, language=letter.language
    )


def _refused(found: list[str]) -> HTMLResponse:
    return _bare("organiser/mailings/refused.html", status=422, problems=found)


def _bare(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page for the frame alone, which may do as little as a letter."""
    values.setdefault("direction", direction_of(values.get("language", "en")))
    return pages.page(template, status=status, headers=_FRAME, **values)


_SAID = {
    "kept": "Kept, and in force from now on.",
    "same": "Nothing was different.",
    "approved": "Approved. It leaves at its hour, as it is now.",
    "taken-back": "The approval is taken back; what has not left is held.",
    "sent": "The test was sent.",
}


def _page(
    office: Office,
    version: AgendaVersion,
    mailing: Mailing,
    look: Look,
    *,
    status: int = 200,
    said: str = "",
    problems: list[Problem] | None = None,
    written: Mapping[str, Any] | None = None,
    refusal: str = "",
    overtaken: str = "",
) -> HTMLResponse:
    this, now, event = _mailings(office), office.clock(), version.event
    texts = this.texts()
    try:
        people = _people(office, mailing, look.after)
    except NotYet as error:
        if status == 200:
            raise
        people = _uncounted(mailing, look.after, error)
    reach = people["reach"]
    look = look if look.to or not reach.first else _as(look, reach.first)
    is_own = mailing.kind in OF_ITSELF
    sight = _releasing(office).sight(mailing.key, now)
    return framed(
        office,
        "organiser/mailings/one.html",
        status=status,
        version=version,
        mailing=mailing,
        zone=event.zone,
        now=now,
        look=look,
        said=said,
        problems=problems or [],
        written=written or mailing.model_dump(mode="json"),
        refusal=refusal,
        overtaken=overtaken,
        is_own=is_own,
        kinds=[kind for kind in MailingKind if kind not in OF_ITSELF],
        calendars=list(CalendarPart),
        occasions=[] if is_own else _occasions(office, version, mailing),
        shifts=[] if is_own else shifting.shifts(version, mailing),
        languages=wording.languages_of(texts, mailing.kind),
        sight=sight,
        findings=_lint(office, version, mailing, look, reach.languages),
        may_try=office.post is not None,
        can_judge=linting.has_rspamd() and not look.judge,
        **people,
    )


def _as(look: Look, address: str) -> Look:
    return replace(look, to=address)


def _people(office: Office, mailing: Mailing, after: int) -> dict[str, Any]:
    """Whom it reaches. Raises NotYet while a long list is counted for the first time."""
    this = _mailings(office)
    counted = this.reach(mailing)
    members, more = this.audience(counted.value, after)
    return {
        **_uncounted(mailing, after),
        "counted": counted,
        "reach": counted.value,
        "members": members,
        "more": more,
    }


def _uncounted(mailing: Mailing, after: int, counting: NotYet | None = None) -> dict[str, Any]:
    """While nobody knows yet whom it reaches; `again` is where to ask."""
    query = urlencode({"audience": mailing.audience, **({"after": after} if after else {})})
    return {
        "problem": "", "counting": counting, "counted": None, "reach": Reach(languages=frozenset()), "members": [],
        "more": None, "after": after, "again": f"/mailings/{mailing.key}/people?{query}",
    }  # fmt: skip


def _occasions(office: Office, version: AgendaVersion, mailing: Mailing) -> list[due.Occasion]:
    if not due.stands(version.event, mailing):
        return []
    anchors = due.anchors(version.event, mailing.rule)
    found = sorted(due.occasion(version, mailing, anchor, None) for anchor in anchors)
    return found[:_MOST_OCCASIONS]


def _lint(
    office: Office, version: AgendaVersion, mailing: Mailing, look: Look, languages: frozenset[str]
) -> list[linting.Finding]:
    this = _mailings(office)
    try:
        reader, texts = this.reader(look.to), this.texts()
        letter = this.letter(mailing, reader, texts, language=look.language)
    except ConvenorError as error:
        return [linting.Finding(about="The letter", says=str(error), is_doubtful=True)]
    return linting.lint(
        version, mailing, texts, languages, letter, reader, spam=linting.rspamd() if look.judge else None
    )


# ── whom and when ────────────────────────────────────────────────────────────────────────────────────────────


def _add_facts(router: APIRouter, office: Office) -> None:
    @router.post("/mailings/{key}")
    def rewrite(
        key: Key,
        *,
        seen: Annotated[int, Form(ge=0, le=2**31)],
        title: Short = "",
        kind: Short = "",
        audience: Short = "",
        when: Short = "",
        useful_until: Short = "",
        calendar: Short = "",
        again_when_moved: Annotated[bool, Form()] = False,
    ) -> Response:
        """Another audience, rule or calendar part: the agenda's next version."""
        by = door.must(office, Role.ORGANISER, "change a mailing")
        version, mailing = _found(office, key)
        written = {
            "title": title, "kind": kind, "audience": audience, "when": when, "useful_until": useful_until,
            "calendar": calendar, "again_when_moved": again_when_moved,
        }  # fmt: skip
        this = _mailings(office, by.name)
        try:
            event = rewriting.rewritten(version.event, key, written)
            if event == version.event:
                return RedirectResponse(f"/mailings/{key}?said=same", 303)
            this.rewrite(event, seen)
        except KeyError:
            raise HTTPException(404) from None
        except BadInput as error:
            problems = list(error.problems)
            return _page(office, version, mailing, Look(), status=422, problems=problems, written=written)
        except Overtaken as error:
            return _page(office, version, mailing, Look(), status=409, overtaken=str(error), written=written)
        return RedirectResponse(f"/mailings/{key}?said=kept", 303)


# ── in which words ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, kw_only=True)
class Written:
    """What stands in the form of a wording."""

    subject: str
    text: str
    html: str
    theirs: Mapping[str, str] = field(default_factory=dict)


def _add_wording(router: APIRouter, office: Office) -> None:
    def page(
        mailing: Mailing,
        language: str,
        written: Written | None = None,
        *,
        status: int = 200,
        problems: list[Problem] | None = None,
        overtaken: str = "",
        to: str = "",
    ) -> HTMLResponse:
        this = _mailings(office)
        texts = this.texts()
        there = {part: texts.texts.get(f"{mailing.kind}/{language}.{part}", "") for part in PARTS}
        kept = Written(subject=there["subject.txt"].strip(), text=there["txt"], html=there["html"])
        return framed(
            office,
            "organiser/mailings/wording.html",
            status=status,
            mailing=mailing,
            language=language,
            direction=direction_of(language),
            languages=wording.languages_of(texts, mailing.kind),
            seen=texts.digest,
            written=written or kept,
            kept=kept,
            problems=problems or [],
            overtaken=overtaken,
            placeholders=PLACEHOLDERS,
            to=to or this.reach(mailing).value.first,
            shared=[
                each.key
                for each in every_mailing(this.version())
                if each.kind is mailing.kind and each.key != mailing.key
            ],
        )

    @router.get("/mailings/{key}/wording/{language}")
    def words(key: Key, language: Language, to: Annotated[str, Query(max_length=320)] = "") -> HTMLResponse:
        door.must(office, Role.VIEWER, "see a wording")
        _, mailing = _found(office, key)
        return page(mailing, language, to=to)

    @router.post("/mailings/{key}/wording/{language}")
    def reword(
        key: Key,
        language: Language,
        *,
        seen: Short = "",
        subject: Text = "",
        text: Text = "",
        html: Text = "",
        to: Short = "",
    ) -> Response:
        by = door.must(office, Role.ORGANISER, "change a wording")
        _, mailing = _found(office, key)
        written = Written(subject=subject, text=text, html=html)
        parts = {"subject.txt": subject, "txt": text, "html": html}
        try:
            is_new = _mailings(office, by.name).reword(mailing, language, parts, seen)
        except BadInput as error:
            return page(mailing, language, written, status=422, problems=list(error.problems), to=to)
        except Overtaken as error:
            return page(mailing, language, written, status=409, overtaken=str(error), to=to)
        return RedirectResponse(
            f"/mailings/{key}?said={'kept' if is_new else 'same'}&language={language}", 303
        )


# ── trying and approving ─────────────────────────────────────────────────────────────────────────────────────


def _add_approving(router: APIRouter, office: Office) -> None:
    def refused(key: str, status: int, why: str) -> HTMLResponse:
        version, mailing = _found(office, key)
        return _page(office, version, mailing, Look(), status=status, refusal=why)

    @router.post("/mailings/{key}/approve")
    def approve(key: Key, seen: Short = "") -> Response:
        by = door.must(office, Role.APPROVER, "approve a mailing")
        try:
            replace(_releasing(office), waits=True).approve(key, by.name, office.clock(), seen=seen)
        except ConvenorError as error:
            return refused(key, 409, str(error))
        return RedirectResponse(f"/mailings/{key}?said=approved", 303)

    @router.post("/mailings/{key}/take-back")
    def take_back(key: Key) -> Response:
        by = door.must(office, Role.ORGANISER, "take an approval back")
        try:
            replace(_releasing(office), waits=True).take_back(key, by.name, office.clock())
        except ConvenorError as error:
            return refused(key, 409, str(error))
        return RedirectResponse(f"/mailings/{key}?said=taken-back", 303)

    @router.post("/mailings/{key}/test")
    def test(key: Key, address: Short = "", language: Short = "") -> Response:
        by = door.must(office, Role.ORGANISER, "send a test")
        _, mailing = _found(office, key)
        this = _mailings(office, by.name)
        if office.post is None:
            raise HTTPException(404)
        try:
            parcel = this.test_letter(mailing, address_in(address), this.texts(), language)
            outcome, through = office.post(parcel)
        except (ConvenorError, ValueError) as error:
            return refused(key, 422, str(error))
        if outcome.happening is not Happening.ACCEPTED:
            return refused(key, 422, f"{through} says: {outcome.reply}")
        return RedirectResponse(f"/mailings/{key}?said=sent", 303)
