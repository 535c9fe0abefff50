"""How it is said: the templates folder, and the words one letter gets from it.

One folder per kind of letter, in it per language a subject, a plain text and an HTML part (`en.subject.txt`,
`en.txt`, `en.html`), and `layout/` for what they share. The values come from `placeholders`; making a message
of the words is left to `message`.

Templates are Jinja syntax behind two fences: `fence` reads what they say, `sandbox` limits what they do.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import cast

from mailer.agenda.model import MailingKind
from mailer.composition import fence, phrasing, typesetting
from mailer.composition.placeholders import Value, direction_of, samples
from mailer.composition.sandbox import LONGEST_PART, Onlooker, Sandbox
from mailer.errors import BadInput, Problem, WordingError

FALLBACK = "en"
PARTS = ("subject.txt", "txt", "html")

_LETTER = re.compile(
    r"(?P<kind>[a-z-]+)/(?P<language>[a-z]{2,3}(?:-[a-z0-9]+)*)\.(?P<part>subject\.txt|txt|html)"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Wording:
    """The templates folder at one moment: path within it -> source. Two with the same texts are equal."""

    texts: Mapping[str, str]

    @cached_property
    def digest(self) -> str:
        """SHA-256 over every path and text, in hexadecimal."""
        whole = hashlib.sha256()
        for path, text in sorted(self.texts.items()):
            for piece in (path, text):
                whole.update(len(piece.encode()).to_bytes(8, "big") + piece.encode())
        return whole.hexdigest()

    def differs(self, other: Mapping[str, str]) -> tuple[str, ...]:
        """The paths whose texts are others in `other`, or there alone, in alphabetical order."""
        paths = self.texts.keys() | other.keys()
        return tuple(sorted(path for path in paths if self.texts.get(path) != other.get(path)))

    def with_texts(self, changed: Mapping[str, str]) -> "Wording":
        """The same with these texts in the place of their paths' former ones."""
        return Wording(texts={**self.texts, **changed})

    def without(self, paths: Iterable[str]) -> "Wording":
        """The same without the texts of these paths."""
        gone = set(paths)
        return Wording(texts={path: text for path, text in self.texts.items() if path not in gone})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Wording) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


@dataclass(frozen=True, kw_only=True)
class Words:
    """One letter's words. `subject` is one line, `text` ends with a line break, `html` a whole document."""

    language: str
    subject: str
    text: str
    html: str


def load(folder: Path) -> Wording:
    """Everything in the templates folder.

    Raises:
        BadInput: there is no such folder, it holds no letter, or a file in it is not UTF-8 or too large.
    """
    texts, problems = {}, []
    for path in files(folder):
        name = path.relative_to(folder).as_posix()
        if path.stat().st_size > LONGEST_PART:
            problems.append(Problem(file=name, message=f"is larger than {LONGEST_PART // 1024} kB"))
            continue
        try:
            texts[name] = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            problems.append(Problem(file=name, message=f"is not UTF-8 (byte {error.start + 1})"))
    if not texts and not problems:
        problems.append(Problem(file=str(folder), message="holds no templates"))
    if problems:
        raise BadInput(problems)
    return Wording(texts=texts)


def files(folder: Path) -> list[Path]:
    """The templates in the folder, in alphabetical order; whatever else lies there is none."""
    return [path for path in sorted(folder.rglob("*")) if path.suffix in {".txt", ".html"} and path.is_file()]


def languages_of(wording: Wording, kind: MailingKind) -> tuple[str, ...]:
    """The languages in which a kind of letter has all its parts, in alphabetical order."""
    names = {path.split("/")[1].split(".")[0] for path in wording.texts if path.startswith(f"{kind}/")}
    return tuple(sorted(name for name in names if not _missing(wording, kind, name)))


def phrases_of(language: str) -> str:
    """The path of what all letters in a language share."""
    return f"layout/{language}.phrases.txt"


def choose_language(wording: Wording, kind: MailingKind, *languages: str | None) -> str:
    """The first of `languages` (reader's, then event's) a letter can be written in, else English.

    Each is looked for as it stands and then as its base: `fr-ca`, `fr`.
    """
    there = languages_of(wording, kind)
    wanted = (name for language in languages if language for name in (language, language.partition("-")[0]))
    return next((name for name in wanted if name in there), FALLBACK)


def render(
    wording: Wording, kind: MailingKind, context: Mapping[str, Value], *languages: str | None
) -> Words:
    """The words of one letter, the same for the same arguments.

    Args:
        context: what `placeholders.context` gives.
        languages: the reader's, then the event's; without any, the one the context names.

    Raises:
        WordingError: a part is missing or cannot be rendered, or its result is too large.
    """
    language = choose_language(wording, kind, *(languages or (str(context["language"]),)))
    subject, text, html = parts(wording, kind, language, context)
    return Words(
        language=language,
        subject=typesetting.subject(subject, subject_template(kind, language)),
        text=typesetting.plain(text, rtl=direction_of(language) == "rtl"),
        html=html.strip() + "\n",
    )


def parts(
    wording: Wording,
    kind: MailingKind,
    language: str,
    context: Mapping[str, Value],
    onlooker: Onlooker | None = None,
) -> tuple[str, str, str]:
    """Subject, plain text and HTML as the templates give them, not yet set as lines.

    Raises:
        WordingError: as `render`.
    """
    values = {**context, "language": language, "direction": direction_of(language)}
    sandbox = _sandbox(wording, language)
    subject, text, html = (sandbox.written(f"{kind}/{language}.{part}", values, onlooker) for part in PARTS)
    return subject, text, html


def subject_template(kind: MailingKind, language: str) -> str:
    """The path of the template that a letter's subject comes from."""
    return f"{kind}/{language}.{PARTS[0]}"


@lru_cache(maxsize=32)
def _sandbox(wording: Wording, language: str) -> Sandbox:
    return Sandbox(wording.texts, phrasing.filters(language))


def check(wording: Wording, *languages: str | None) -> list[Problem]:
    """Everything wrong with the templates, found before anything is sent.

    Each file is read against the lists of what is allowed, then every letter is tried on sample readers.

    Args:
        languages: those of the event and its readers; one without letters of its own earns a warning.
    """
    return [*_faults(wording), *unwritten(wording, MailingKind, *languages)]


def unwritten(wording: Wording, kinds: Iterable[MailingKind], *languages: str | None) -> list[Problem]:
    """Letters of these kinds that cannot be written in one of these languages: warnings, with the language as field."""
    return [
        Problem(
            file=f"{kind}/",
            field=language,
            message=f"is not written in this language; it will go out in {chosen}",
            warning=True,
        )
        for kind in kinds
        for language in dict.fromkeys(filter(None, languages))
        if (chosen := choose_language(wording, kind, language)).partition("-")[0]
        != language.partition("-")[0]
    ]


@lru_cache(maxsize=4)
def _faults(wording: Wording) -> tuple[Problem, ...]:
    """What is wrong for all readers; found once, for trying every letter takes a second."""
    problems = [problem for path in sorted(wording.texts) for problem in fence.read(wording.texts, path)]
    problems += _gaps(wording) + _strays(wording)
    refused = {problem.file for problem in problems}
    for kind in MailingKind:
        for language in languages_of(wording, kind):
            problems += _tried(wording, kind, language, refused)
    return tuple(dict.fromkeys(problems))


def check_letter(wording: Wording, kind: MailingKind, language: str) -> list[Problem]:
    """As `check`, of one kind of letter in one language alone; of the others nothing is said."""
    paths = [f"{kind}/{language}.{part}" for part in PARTS]
    problems = [
        problem for path in paths if path in wording.texts for problem in fence.read(wording.texts, path)
    ]
    problems += [
        Problem(file=path, message=f"is larger than {LONGEST_PART // 1024} kB")
        for path in paths
        if len(wording.texts.get(path, "").encode()) > LONGEST_PART
    ]
    problems += [Problem(file=path, message="is missing") for path in _missing(wording, kind, language)]
    problems += _tried(wording, kind, language, {problem.file for problem in problems})
    return list(dict.fromkeys(problems))


def check_language(wording: Wording, language: str) -> list[Problem]:
    """As `check`, of all letters that are written in one language, and of what they share."""
    path = phrases_of(language)
    problems = list(fence.read(wording.texts, path))
    if len(wording.texts[path].encode()) > LONGEST_PART:
        problems.append(Problem(file=path, message=f"is larger than {LONGEST_PART // 1024} kB"))
    if problems:
        return problems
    kinds = (kind for kind in MailingKind if language in languages_of(wording, kind))
    return list(dict.fromkeys(each for kind in kinds for each in check_letter(wording, kind, language)))


def _missing(wording: Wording, kind: str, language: str) -> list[str]:
    paths = [f"{kind}/{language}.{part}" for part in PARTS]
    return [path for path in paths if path not in wording.texts]


def _gaps(wording: Wording) -> list[Problem]:
    """Parts that are not there: of English for every kind, of another language for the kinds it has begun."""
    letters = [found for path in wording.texts if (found := _LETTER.fullmatch(path))]
    kinds = {kind.value for kind in MailingKind}
    begun = {(found["kind"], found["language"]) for found in letters if found["kind"] in kinds}
    begun |= {(kind, FALLBACK) for kind in kinds}
    paths = [path for kind, language in begun for path in _missing(wording, kind, language)]
    return [Problem(file=path, message="is missing") for path in sorted(paths)]


def _strays(wording: Wording) -> list[Problem]:
    kinds = {kind.value for kind in MailingKind}
    return [
        Problem(file=path, message="belongs to no kind of letter and is never used", warning=True)
        for path in sorted(wording.texts)
        if not path.startswith("layout/")
        and not ((found := _LETTER.fullmatch(path)) and found["kind"] in kinds)
    ]


def _tried(wording: Wording, kind: MailingKind, language: str, refused: Iterable[str]) -> Iterator[Problem]:
    """The letter written to sample readers; what reading already refused is not tried again."""
    if any(path.startswith(("layout/", f"{kind}/{language}.")) for path in refused):
        return
    for readers in samples(kind, language):
        for values in readers:
            reader = _Watched(cast("Mapping[str, Value]", values["recipient"]))
            try:
                render(wording, kind, {**values, "recipient": reader}, language)
            except WordingError as error:
                message = str(error).removeprefix(f"{error.template}:").removeprefix(f"{error.line}:").strip()
                yield Problem(file=error.template, row=error.line, message=message)
            if "role" not in reader.seen:
                break  # nobody's role was asked for: the others' letter is this one


class _Watched(dict[str, Value]):
    """A group of values that notes which of them a template looks at."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        super().__init__(values)
        self.seen: set[str] = set()

    def __getitem__(self, name: str) -> Value:
        self.seen.add(name)
        return super().__getitem__(name)
