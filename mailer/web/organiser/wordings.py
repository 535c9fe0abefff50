"""`/mailings/{key}/wording`: in which languages a kind of letter is written, and its words in each; kept at once.

Decisions are `mailings`'; what words may hold is `composition.wording`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from mailer.agenda.model import Mailing
from mailer.composition import wording
from mailer.composition.placeholders import PLACEHOLDERS, direction_of
from mailer.composition.wording import PARTS, Wording
from mailer.errors import BadInput, ConvenorError, Problem
from mailer.mailings import Drafted, Overtaken, every_drafted, needed
from mailer.outbox.schema import Role
from mailer.recipients.audience import is_language
from mailer.web import moments
from mailer.web.office import Office
from mailer.web.organiser import door
from mailer.web.organiser.agenda import looked
from mailer.web.organiser.frame import framed
from mailer.web.organiser.mailings import SAID, Key, Short, Text, found

Language = Annotated[str, Path(pattern=r"^[a-z]{2,3}(-[a-z0-9]{2,8})*$")]


@dataclass(frozen=True, kw_only=True)
class Written:
    """What stands in the form of a wording. `phrases` is what all letters in its language share."""

    subject: str
    text: str
    html: str
    phrases: str

    @property
    def parts(self) -> Mapping[str, str]:
        return dict(zip(PARTS, (self.subject, self.text, self.html), strict=True))


def routes(office: Office) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    _add_languages(router, office)
    _add_words(router, office)
    return router


# ── in which languages ───────────────────────────────────────────────────────────────────────────────────────


def _add_languages(router: APIRouter, office: Office) -> None:
    def page(shown: Drafted, *, status: int = 200, said: str = "", refusal: str = "") -> HTMLResponse:
        this, mailing, event = office.mailings(), shown.mailing, shown.version.event
        texts, reach = this.texts(), this.reach(shown.version, mailing).value
        there = wording.languages_of(texts, mailing.kind)
        return framed(
            office,
            "organiser/mailings/languages.html",
            status=status,
            mailing=mailing,
            rows=[(each, needed(event, there, each), each in reach.languages) for each in there],
            missing=[each for each in sorted(reach.languages) if not _is_written(each, there)],
            others=[(code, name) for code, name in moments.languages() if code not in there],
            event_language=event.language,
            seen=texts.digest,
            said=said,
            refusal=refusal,
        )

    @router.get("/mailings/{key}/wording")
    def languages(key: Key, language: Annotated[str, Query(max_length=20)] = "", said: str = "") -> Response:
        """All of them; or on to the words in the one that was chosen."""
        door.must(office, Role.VIEWER, "see a wording")
        shown = found(office, key)
        if language:
            return RedirectResponse(f"/mailings/{key}/wording/{_known(language)}", 303)
        return page(shown, said=_TOLD.get(said, ""))

    @router.post("/mailings/{key}/wording/{language}/take-out")
    def take_out(key: Key, language: Language, seen: Short = "") -> Response:
        by = door.must(office, Role.ORGANISER, "take out a wording")
        shown = found(office, key)
        this = office.mailings(by.name)
        try:
            this.take_out_language(looked(office).version.event, shown.mailing, language, seen)
        except Overtaken as error:
            return page(shown, status=409, refusal=f"{error}: look at them again first")
        except ConvenorError as error:
            return page(shown, status=422, refusal=str(error))
        return RedirectResponse(f"/mailings/{key}/wording?said=taken-out", 303)


_TOLD = {"taken-out": "Taken out, from now on.", "kept": SAID["kept"]}


def _is_written(language: str, there: Sequence[str]) -> bool:
    return language in there or language.partition("-")[0] in there


def _known(language: str) -> str:
    """Raises HTTPException (404) for what is no language."""
    if not is_language(language):
        raise HTTPException(404)
    return language


# ── in which words ───────────────────────────────────────────────────────────────────────────────────────────


def _add_words(router: APIRouter, office: Office) -> None:
    def page(
        shown: Drafted,
        language: str,
        written: Written | None = None,
        *,
        status: int = 200,
        problems: Sequence[Problem] = (),
        overtaken: str = "",
        to: str = "",
    ) -> HTMLResponse:
        this, mailing = office.mailings(), shown.mailing
        texts = this.texts()
        languages = wording.languages_of(texts, mailing.kind)
        is_new = language not in languages
        pattern = wording.choose_language(texts, mailing.kind, language, shown.version.event.language)
        kept = _kept(texts, mailing, language, pattern if is_new else language)
        return framed(
            office,
            "organiser/mailings/wording.html",
            status=status,
            mailing=mailing,
            language=language,
            direction=direction_of(language),
            languages=languages,
            is_new=is_new,
            pattern=pattern,
            has_phrases=wording.phrases_of(language) in texts.texts,
            seen=texts.digest,
            written=written or kept,
            kept=kept,
            problems=problems,
            overtaken=overtaken,
            placeholders=PLACEHOLDERS,
            to=to or this.reach(shown.version, mailing).value.first,
            shared=[
                each.mailing.title
                for each in every_drafted(looked(office), office.clock())
                if each.mailing.kind is mailing.kind and each.mailing.key != mailing.key
            ],
        )

    @router.get("/mailings/{key}/wording/{language}")
    def words(key: Key, language: Language, to: Annotated[str, Query(max_length=320)] = "") -> HTMLResponse:
        door.must(office, Role.VIEWER, "see a wording")
        return page(found(office, key), _known(language), to=to)

    @router.post("/mailings/{key}/wording/{language}")
    def reword(
        key: Key,
        language: Language,
        *,
        seen: Short = "",
        subject: Text = "",
        text: Text = "",
        html: Text = "",
        phrases: Text = "",
        to: Short = "",
    ) -> Response:
        by = door.must(office, Role.ORGANISER, "change a wording")
        shown, this = found(office, key), office.mailings(by.name)
        written = Written(subject=subject, text=text, html=html, phrases=phrases)
        try:
            differs = this.reword(shown.mailing, _known(language), written.parts, seen, phrases=phrases)
        except BadInput as error:
            return page(shown, language, written, status=422, problems=error.problems, to=to)
        except Overtaken as error:
            return page(shown, language, written, status=409, overtaken=str(error), to=to)
        said = "kept" if differs else "same"
        return RedirectResponse(f"/mailings/{key}?said={said}&language={language}", 303)


def _kept(texts: Wording, mailing: Mailing, language: str, pattern: str) -> Written:
    """The words in force; those of another language to begin with, where there are none."""
    subject, text, html = (texts.texts.get(f"{mailing.kind}/{pattern}.{part}", "") for part in PARTS)
    shared = texts.texts.get(wording.phrases_of(language)) or texts.texts.get(wording.phrases_of(pattern), "")
    return Written(subject=subject.strip(), text=text, html=html, phrases=shared)
