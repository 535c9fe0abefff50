"""`/mailings`: each mailing as the draft has it, whom it reaches and when; looked at, tried, approved.

Decisions are `mailings`' and `releasing`'s. The forms are in `laying_out`, the words in `wordings`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Form, HTTPException, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer import linting
from mailer.accounts import Visitor
from mailer.agenda.model import OF_ITSELF, AgendaVersion, CalendarPart, Mailing, MailingKind
from mailer.composition import wording
from mailer.composition.composing import Composed
from mailer.composition.placeholders import direction_of
from mailer.composition.wording import PARTS
from mailer.drafting import Draft
from mailer.errors import ConvenorError, Problem
from mailer.lately import NotYet
from mailer.mailings import Drafted, Reach, TooManyTests, drafted, every_drafted
from mailer.outbox.letter import Happening
from mailer.outbox.schema import Role
from mailer.planning import due, shifting
from mailer.releasing import Releasing
from mailer.standing import standing
from mailer.web import pages
from mailer.web.office import Office
from mailer.web.organiser import attachments, counting, door
from mailer.web.organiser.agenda import POLICIES, looked
from mailer.web.organiser.frame import framed
from mailer.web.organiser.letter import IN_A_FRAME, in_a_frame, text_as_seen_by

Key = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Text = Annotated[str, Form(max_length=60_000)]
Short = Annotated[str, Form(max_length=2_000)]
Part = Literal["html", "text"]
Light = Literal["", "light", "dark"]

_MOST_OCCASIONS = 8
_DARK = re.compile(r"@media\s*\(\s*prefers-color-scheme\s*:\s*dark\s*\)")


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    _add_looking(router, office)
    _add_approving(router, office)
    return router


def found_in(office: Office, draft: Draft, key: str) -> Drafted:
    """Raises HTTPException (404): neither the agenda in force nor the draft has such a mailing."""
    try:
        return drafted(draft, key, office.clock())
    except KeyError:
        raise HTTPException(404) from None


def found(office: Office, key: str) -> Drafted:
    """As `found_in`, of the draft as it is."""
    return found_in(office, looked(office), key)


def _releasing(office: Office) -> Releasing:
    return Releasing(database=office.database, event=office.event, waits=False)


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
    def every(said: str = "") -> HTMLResponse:
        door.must(office, Role.VIEWER, "see the mailings")
        now = office.clock()
        found = standing(office.database, office.event, now, in_full=False)
        if found is None:
            return framed(office, "organiser/mailings/every.html", rows=[], event=None, said="")
        draft = looked(office)
        sights = {each.mailing.key: each for each in _releasing(office).sights(now)}
        stands = {each.mailing: each for each in found.mailings}
        rows = [
            (each, stands.get(each.mailing.key), sights.get(each.mailing.key))
            for each in every_drafted(draft, now)
        ]
        event = draft.version.event
        return framed(
            office,
            "organiser/mailings/every.html",
            counting=counting,
            rows=rows,
            zone=event.zone,
            event=event,
            policies=POLICIES,
            said=SAID.get(said, ""),
            is_drafted=any(not each.is_as_published for each, _, _ in rows),
            behind=draft.behind,
        )

    @router.get("/mailings/{key}")
    def one(key: Key, look: Annotated[Look, Depends()], said: str = "") -> HTMLResponse:
        door.must(office, Role.VIEWER, "see a mailing")
        draft = looked(office)
        return page(office, draft, found_in(office, draft, key), look, said=SAID.get(said, ""))

    @router.get("/mailings/{key}/letter.html")
    def frame(
        key: Key,
        to: Annotated[str, Query(max_length=320)] = "",
        language: Annotated[str, Query(max_length=20)] = "",
        light: Light = "",
        part: Part = "html",
    ) -> HTMLResponse:
        """The letter one person would get, for the frame on the mailing's page and nowhere else."""
        by = door.must(office, Role.VIEWER, "see a letter")
        shown, this = found(office, key), office.mailings()
        try:
            letter = this.letter(
                shown.version, shown.mailing, this.reader(to), this.texts(), language=language
            )
        except ConvenorError as error:
            return _refused([str(error)])
        return _framed_letter(by, letter, light, part)

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
        phrases: Text = "",
    ) -> HTMLResponse:
        """The same, in words that are not kept: those in the form."""
        by = door.must(office, Role.ORGANISER, "try a wording")
        shown, this = found(office, key), office.mailings()
        kind, written = shown.mailing.kind, {"subject.txt": subject, "txt": text, "html": html}
        changed = {f"{kind}/{language}.{name}": written[name] for name in PARTS}
        if phrases:
            changed[wording.phrases_of(language)] = phrases
        texts = this.texts().with_texts(changed)
        if problems := [str(each) for each in wording.check_letter(texts, kind, language)]:
            return _refused(problems)
        try:
            letter = this.letter(shown.version, shown.mailing, this.reader(to), texts, language=language)
        except ConvenorError as error:
            return _refused([str(error)])
        return _framed_letter(by, letter, light, part)


def _framed_letter(by: Visitor, letter: Composed, light: str, part: str) -> HTMLResponse:
    if part == "text":
        return framed_text(letter, text_as_seen_by(by, letter.text))
    source = letter.html
    if light:
        source = _DARK.sub("@media all" if light == "dark" else "@media not all", source)
    return in_a_frame(source, by)


def framed_text(letter: Composed, text: str) -> HTMLResponse:
    return _bare("organiser/mailings/text.html", subject=letter.subject, text=text, language=letter.language)


def _refused(found: list[str]) -> HTMLResponse:
    return _bare("organiser/mailings/refused.html", status=422, problems=found)


def _bare(template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page for the frame alone, which may do as little as a letter."""
    values.setdefault("direction", direction_of(values.get("language", "en")))
    return pages.page(template, status=status, headers=IN_A_FRAME, **values)


SAID = {
    "kept": "Kept, and in force from now on.",
    "drafted": "Kept in the draft.",
    "taken-out": "Taken out in the draft. Nothing is different until it is published.",
    "same": "Nothing was different.",
    "approved": "Approved. It leaves at its hour, as it is now.",
    "taken-back": "The approval is taken back; what has not left is held.",
    "sent": "The test was sent.",
}


def page(
    office: Office,
    draft: Draft,
    shown: Drafted,
    look: Look,
    *,
    status: int = 200,
    said: str = "",
    problems: Sequence[Problem] = (),
    written: Mapping[str, Any] | None = None,
    refusal: str = "",
    untried: str = "",
    is_overtaken: bool = False,
) -> HTMLResponse:
    """One mailing's page. `written` is what somebody has typed, and not kept yet; `refusal` why it is not approved, and
    `untried` why no test was sent.
    """
    this, now = office.mailings(), office.clock()
    # first of all: whatever is read later is no older, so that nobody approves what they were not shown
    releasing = replace(
        _releasing(office), waits=status != 200
    )  # what was refused is told, however long it takes
    sight = None if shown.is_new else releasing.sight(shown.mailing.key, now)
    draft = looked(office)
    shown = found_in(office, draft, shown.mailing.key)
    version, mailing = shown.version, shown.mailing
    texts = this.texts()
    try:
        whom = people_of(office, version, mailing, look.after)
    except NotYet as error:
        if status == 200 and written is None:
            raise
        whom = uncounted(mailing, look.after, error)
    reach = whom["reach"]
    look = look if look.to or not reach.first else replace(look, to=reach.first)
    return framed(
        office,
        "organiser/mailings/one.html",
        status=status,
        draft=draft,
        shown=shown,
        version=version,
        mailing=mailing,
        zone=version.event.zone,
        at=f"/mailings/{mailing.key}",
        look=look,
        said=said,
        **fields(mailing, problems, written),
        refusal=refusal,
        untried=untried,
        is_overtaken=is_overtaken,
        is_own=mailing.kind in OF_ITSELF,
        hours=hours_of(version, mailing, now, is_in_force=shown.is_as_published),
        languages=wording.languages_of(texts, mailing.kind),
        sight=sight,
        is_shown=whom["counted"] is not None and this.is_as_edited(whom["counted"]),
        findings=_lint(office, version, mailing, look, reach.languages),
        files=attachments.on(office, mailing.key),
        may_try=office.post is not None,
        can_judge=linting.has_rspamd() and not look.judge,
        **whom,
    )


def fields(
    mailing: Mailing, problems: Sequence[Problem] = (), written: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What the form of a mailing's facts is made from."""
    return {
        "written": written if written is not None else mailing.model_dump(mode="json"),
        "problems": {each.field: each.message for each in problems if each.field},
        "further": [each.message for each in problems if not each.field],
        "kinds": [kind for kind in MailingKind if kind not in OF_ITSELF],
        "calendars": list(CalendarPart),
    }


def people_of(
    office: Office,
    version: AgendaVersion,
    mailing: Mailing,
    after: int = 0,
    *,
    is_trial: bool = False,
    again: str = "",
) -> dict[str, Any]:
    """What the list of those it reaches is made from. On `is_trial`, nobody can go on in it: nothing of it is kept.
    `again` is where it is asked for again, if not at the mailing as it is kept.

    Raises:
        NotYet: a long list is being counted for the first time.
    """
    this = office.mailings()
    counted = this.reach(version, mailing)
    members, more = this.audience(counted.value, after)
    return {
        **uncounted(mailing, after, is_trial=is_trial, again=again),
        "counted_in": version.event.zone,
        "counted": counted,
        "reach": counted.value,
        "members": members,
        "more": more,
    }


def uncounted(
    mailing: Mailing,
    after: int = 0,
    counting: NotYet | None = None,
    *,
    is_trial: bool = False,
    again: str = "",
) -> dict[str, Any]:
    """While nobody knows yet whom it reaches."""
    return {
        "problem": "", "counting": counting, "counted": None, "reach": Reach(languages=frozenset()), "members": [],
        "more": None, "after": after, "is_trial": is_trial, "again": again or f"/mailings/{mailing.key}/people",
    }  # fmt: skip


def hours_of(version: AgendaVersion, mailing: Mailing, now: datetime, *, is_in_force: bool) -> dict[str, Any]:
    """What the list of its hours is made from; nothing for a mailing that leaves by itself, or hangs on a session that
    is not there.
    """
    if mailing.kind in OF_ITSELF or not due.stands(version.event, mailing):
        return {}
    anchors = due.anchors(version.event, mailing.rule)
    occasions = sorted(due.occasion(version, mailing, anchor, None) for anchor in anchors)
    if not occasions:
        return {}
    first = occasions[0]
    return {
        "occasions": occasions[:_MOST_OCCASIONS],
        "more": len(occasions) - _MOST_OCCASIONS,
        "shifts": shifting.shifts(version, mailing),
        "zone": version.event.zone,
        "is_useless": first.useful_until <= first.due_at,
        "is_over": first.useful_until <= now,
        "leaves_at_once": not is_in_force and first.due_at <= now < first.useful_until,
    }


def _lint(
    office: Office, version: AgendaVersion, mailing: Mailing, look: Look, languages: frozenset[str]
) -> list[linting.Finding]:
    this = office.mailings()
    try:
        reader, texts = this.reader(look.to), this.texts()
        letter = this.letter(version, mailing, reader, texts, language=look.language)
    except ConvenorError as error:
        return [linting.Finding(about="The letter", says=str(error), is_doubtful=True)]
    return linting.lint(
        version, mailing, texts, languages, letter, reader, spam=linting.rspamd() if look.judge else None
    )


# ── trying and approving ─────────────────────────────────────────────────────────────────────────────────────


def _add_approving(router: APIRouter, office: Office) -> None:
    def refused(key: str, status: int, why: str) -> HTMLResponse:
        draft = looked(office)
        return page(office, draft, found_in(office, draft, key), Look(), status=status, refusal=why)

    @router.post("/mailings/{key}/approve")
    def approve(key: Key, seen: Short = "") -> Response:
        by = door.must_be_a_person(office, Role.APPROVER, "approve a mailing")
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
        shown, this = found(office, key), office.mailings(by.name)
        if office.post is None:
            raise HTTPException(404)

        def untried(status: int, why: str) -> HTMLResponse:
            draft = looked(office)
            return page(office, draft, found_in(office, draft, key), Look(), status=status, untried=why)

        try:
            outcome, through = this.send_test(
                shown.version, shown.mailing, address, office.post, language=language
            )
        except TooManyTests as error:
            return untried(429, str(error))
        except ConvenorError as error:
            return untried(422, str(error))
        if outcome.happening is not Happening.ACCEPTED:
            return untried(422, f"{through} says: {outcome.reply}")
        return RedirectResponse(f"/mailings/{key}?said=sent", 303)
