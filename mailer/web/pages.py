"""From values to responses: the templates, the headers every page bears, what a browser may do with it.

Knows neither events nor letters. All values are escaped; a stranger's text never becomes markup.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from email.utils import parseaddr
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mailer.web import moments
from mailer.web.delegate.speech import every_speech

FOLDER = Path(__file__).parent
STATIC = FOLDER / "static"

_CLOSED = (
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'self'; img-src 'self'; style-src 'self'"
)
ORGANISER_POLICY = f"{_CLOSED}; script-src 'self'; connect-src 'self'; frame-src 'self'"
DELEGATE_POLICY = _CLOSED
"""Content-Security-Policy (CSP 3): a delegate's page has no script at all."""

HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": ORGANISER_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
        "Cache-Control": "no-store",
    }
)
"""What every response bears, unless it says otherwise itself."""

PERSONAL: Mapping[str, str] = MappingProxyType(
    {"Content-Security-Policy": DELEGATE_POLICY, "X-Robots-Tag": "noindex", "Cache-Control": "no-store"}
)
"""What the pages behind a personal link add: no search engine, no cache, no script."""


_SCRIPTS = {
    "ARABIC",
    "ARMENIAN",
    "BENGALI",
    "CYRILLIC",
    "DEVANAGARI",
    "ETHIOPIC",
    "GEORGIAN",
    "GREEK",
    "GUJARATI",
} | {"GURMUKHI", "HANGUL", "HEBREW", "KANNADA", "KHMER", "LATIN", "SINHALA", "TAMIL", "TELUGU", "THAI", "CJK"}
_JAPANESE = {"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"}
"""Scripts in daily use (UAX 31 Table 5), by the first word of their letters' names; what is written with CJK is one."""

_LONGEST_LABEL = 63  # RFC 1035 2.3.4
_LATIN = frozenset("abcdefghijklmnopqrstuvwxyzßæœøđðþłħŋəɛɔ")
_TWINS = frozenset("асԁеԍһіјӏкорԗԛѕтԝхуъыьҽпгѵѡαγικνορτυωηχագզէլհյոսցւքօ")
"""Letters, without their accents, that nobody takes for another of Latin; and those of others that one may."""


def readable(address: str) -> str:
    """An address as people write it: its domain in its own script (RFC 3492), where that can be mistaken for no other.

    A label is shown so if it is encoded as it would be, and its letters are of one script in daily use. In Latin, all
    of them are letters of ASCII, accents aside, or plainly none; in another, one at least is like no Latin letter.
    Every other label stays as it is, a few honest ones among them: those wholly of such twins, or with a dotless i.
    """
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{'.'.join(map(_readable, domain.split('.')))}"


def _readable(label: str) -> str:
    encoded = label.lower()
    if not encoded.startswith("xn--") or len(encoded) > _LONGEST_LABEL:
        return label
    try:
        shown = encoded[4:].encode().decode("punycode")
        is_so_encoded = f"xn--{shown.encode('punycode').decode()}" == encoded
    except UnicodeError:
        return label
    return shown if is_so_encoded and _is_plain(shown) else label


def _is_plain(label: str) -> bool:
    if label.isascii() or unicodedata.normalize("NFKC", label.lower()) != label:
        return False
    letters = [each for each in label if each not in "-0123456789"]
    words = {unicodedata.name(each, "").partition(" ")[0] for each in letters}
    scripts = {"CJK" if word in _JAPANESE else word for word in words}
    if (
        len(scripts) != 1
        or not scripts <= _SCRIPTS
        or {unicodedata.category(each)[0] for each in letters} - {*"LM"}
    ):
        return False
    bare = {unicodedata.normalize("NFD", each)[0] for each in letters}
    return bare <= _LATIN if scripts == {"LATIN"} else not bare <= _TWINS


_TEMPLATES = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(
    hour=moments.hour,
    day=moments.day,
    in_full=moments.in_full,
    short_day=moments.short_day,
    short=moments.short,
    exact=moments.exact,
    away=moments.away,
    language_name=moments.language_name,
    language=moments.language_in_english,
    mailbox=parseaddr,
    urlpath=lambda address: urlsplit(address).path,
    isolated=lambda text: f"\u2068{text}\u2069",  # UAX 9 2.4.4: its direction is its own affair
    webcal=lambda address: f"webcal://{address.partition('://')[2]}",
    readable=readable,
    number=lambda count: f"{count:,}",
)

_ERRORS: Mapping[int, tuple[str, str]] = {
    400: ("This was not understood", "The request is not one that this page can answer."),
    401: ("Nobody is known to you", "Sign in, or show a token."),
    403: ("This is not done", "It did not come from a page of ours, or your role may not do it."),
    404: ("There is nothing here", "The address may be mistyped, or what it led to is gone."),
    405: ("This cannot be done here", "The address is right, but it is not for this."),
    413: (
        "This is too much",
        "A page takes 64 kB at most, a list of people 24 MB, and the attachments of a mailing 7 MB.",
    ),
    421: (
        "This is not the right address",
        "Open the pages under the address that Convenor printed when it started.",
    ),
    422: ("This form cannot be taken", "Nothing was changed. Go back: what you wrote is still there."),
    500: ("Something went wrong here", "It has been noted. Try again in a moment; no letter is lost by it."),
    503: ("The database cannot be read", "Try again in a moment; no letter is lost by it."),
}
MACHINES = ("/api/", "/health")
"""How paths begin that answer in JSON."""

_PERSONAL, _PUBLIC = ("/r/", "/u/", "/f/"), ("/e/",)


def path_of(address: str) -> str:
    """The path of an address of ours: pages link within themselves, under whatever name they were asked for."""
    return urlsplit(address).path


def page(
    template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: object
) -> HTMLResponse:
    """A template under `templates/`, rendered with these values."""
    return HTMLResponse(_TEMPLATES.get_template(template).render(values), status, dict(headers or {}))


def error(
    status: int, path: str, headers: Mapping[str, str] | None = None, said: str | None = None
) -> Response:
    """The tidy page for an HTTP status, or JSON for machines. For personal links it is one and the same, whatever was
    wrong; elsewhere it says what was `said` of it.
    """
    if path.startswith(MACHINES):
        told = said or _ERRORS.get(status, _ERRORS[400])[0]
        return JSONResponse({"detail": told, "problems": []}, status, dict(headers or {}))
    if path.startswith((*_PERSONAL, *_PUBLIC)):
        phrases = [
            (say, f"{_phrase(status, path)}", f"{_phrase(status, path)}_why") for say in every_speech()
        ]
        bears = {**PERSONAL, **(headers or {})}
        return page("delegate/error.html", status=status, headers=bears, said=phrases, say=phrases[0][0])
    title, words = _ERRORS.get(status, _ERRORS[400])
    if status == 403 and said:
        words = f"{said[0].upper()}{said[1:]}."
    elif status == 422 and said:
        words = f"{words} What is wrong: {said}."
    bears = {"Content-Security-Policy": DELEGATE_POLICY, **(headers or {})}
    return page("error.html", status=status, headers=bears, title=title, words=words)


def wrong(problems: Sequence[Mapping[str, str]]) -> JSONResponse:
    """What machines are told of a request that is wrong: every place at once."""
    return JSONResponse({"detail": "this request is wrong", "problems": list(problems)}, 422)


def _phrase(status: int, path: str) -> str:
    """What delegates are told, in all languages at once: nobody knows whose a broken link was."""
    if status == 404:
        return "dead_link" if path.startswith(_PERSONAL) else "nothing_here"
    return "not_done" if status < 500 else "went_wrong"
