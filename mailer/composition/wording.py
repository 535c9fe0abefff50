"""How it is said: the templates folder, what may stand in it, and the words one letter gets from it.

One folder per kind of letter, in it per language a subject, a plain text and an HTML part (`en.subject.txt`,
`en.txt`, `en.html`), and `layout/` for what they share. The values come from `placeholders`; making a message
of the words is left to `message`.

Templates are Jinja syntax behind a fence. `check` reads the parsed template against lists of what is allowed:
placeholders and the template's own variables, a few filters, calls of macros. `render` limits the work and
the size. A value never becomes syntax: it is printed, and escaped in HTML.
"""

import difflib
import hashlib
import re
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from babel.dates import format_date, format_skeleton, get_timezone_location
from babel.lists import format_list
from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
    UndefinedError,
    nodes,
    pass_context,
)
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailer.agenda.model import MailingKind
from mailer.composition.placeholders import PLACEHOLDERS, Moment, Value, direction_of, locale_of, samples
from mailer.errors import BadInput, Problem, WordingError

FALLBACK = "en"
PARTS = ("subject.txt", "txt", "html")
COLUMNS = 72
LONGEST_PART = 256 * 1024
LONGEST_SUBJECT = 200
MOST_STEPS = 20_000
"""Values printed and macros called in one part; the longest real agenda takes some two thousand."""


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
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix not in {".txt", ".html"} or not path.is_file():
            continue
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


def languages_of(wording: Wording, kind: MailingKind) -> tuple[str, ...]:
    """The languages in which a kind of letter has all its parts, in alphabetical order."""
    names = {path.split("/")[1].split(".")[0] for path in wording.texts if path.startswith(f"{kind}/")}
    return tuple(sorted(name for name in names if not _missing(wording, kind, name)))


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
    values = {**context, "language": language, "direction": direction_of(language)}
    subject, text, html = (
        _rendered(wording, language, f"{kind}/{language}.{part}", values) for part in PARTS
    )
    return Words(
        language=language,
        subject=_subject(subject, f"{kind}/{language}.{PARTS[0]}"),
        text=_plain(text, rtl=values["direction"] == "rtl"),
        html=html.strip() + "\n",
    )


def check(wording: Wording, *languages: str | None) -> list[Problem]:
    """Everything wrong with the templates, found before anything is sent.

    Each file is read against the lists of what is allowed, then every letter is tried on sample readers.

    Args:
        languages: those of the event and its readers; one without letters of its own earns a warning.
    """
    problems = [problem for path in sorted(wording.texts) for problem in _read(wording, path)]
    problems += _gaps(wording) + _strays(wording)
    refused = {problem.file for problem in problems}
    for kind in MailingKind:
        for language in languages_of(wording, kind):
            problems += _tried(wording, kind, language, refused)
        problems += [
            Problem(
                file=f"{kind}/",
                field=language,
                message=f"is not written in this language; it will go out in {chosen}",
                warning=True,
            )
            for language in dict.fromkeys(filter(None, languages))
            if (chosen := choose_language(wording, kind, language)).partition("-")[0]
            != language.partition("-")[0]
        ]
    return list(dict.fromkeys(problems))


# --- rendering ---------------------------------------------------------------------------------


@dataclass
class _Steps:
    """How much one part has cost so far."""

    template: str
    taken: int = 0
    printed: int = 0

    def take(self, printed: int = 0) -> None:
        self.taken += 1
        self.printed += printed
        if self.taken > MOST_STEPS or self.printed > 16 * LONGEST_PART:
            raise WordingError("asks for too much: too many steps", template=self.template)


_steps: ContextVar[_Steps] = ContextVar("_steps")


class _Fenced(ImmutableSandboxedEnvironment):
    """Jinja with our filters, no functions, and every call counted."""

    def call(self, context: Context, called: Any, /, *args: Any, **named: Any) -> Any:
        _steps.get().take()
        return super().call(context, called, *args, **named)


class _Texts(BaseLoader):
    """Templates by their path in the folder; the path is also what errors name."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        if template not in self._texts:
            raise TemplateNotFound(template)
        return self._texts[template], template, lambda: True


@lru_cache(maxsize=32)
def _environment(wording: Wording, language: str) -> Environment:
    environment = _Fenced(
        loader=_Texts(wording.texts),
        autoescape=lambda name: bool(name and name.endswith(".html")),
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        cache_size=-1,
    )
    environment.globals.clear()
    environment.tests.clear()
    environment.filters = _filters(language)
    return environment


@pass_context
def _printable(_: Context, value: object) -> object:
    """Only text and numbers are printed. Taking the context keeps Jinja from printing constants unseen."""
    if isinstance(value, StrictUndefined):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UndefinedError(f"{_described(value)} cannot be printed as it is")
    _steps.get().take(len(str(value)))
    return value


def _described(value: object) -> str:
    if isinstance(value, Moment):
        return "a date and time needs a filter (day, clock, ...) and"
    return {
        list: "a list",
        dict: "a group of values",
        bool: "a yes or no",
        type(None): "a missing value",
    }.get(type(value), "this")


def _rendered(wording: Wording, language: str, name: str, values: Mapping[str, Value]) -> str:
    token = _steps.set(_Steps(name))
    try:
        pieces, size = [], 0
        for piece in _environment(wording, language).get_template(name).generate(values):
            pieces.append(piece)
            size += len(piece.encode())
            if size > LONGEST_PART:
                raise WordingError(f"gives more than {LONGEST_PART // 1024} kB", template=name)
        return "".join(pieces)
    except TemplateSyntaxError as error:
        raise WordingError(str(error.message), template=error.name or name, line=error.lineno) from None
    except TemplateNotFound as error:
        raise WordingError(f"there is no template '{error.name}'", template=name) from None
    except (TemplateError, TypeError, ValueError, AttributeError, RecursionError) as error:
        if isinstance(error, WordingError):
            raise
        path, line = _place(error.__traceback__, wording.texts) or (name, None)
        message = "macros call each other without end" if isinstance(error, RecursionError) else str(error)
        raise WordingError(message, template=path, line=line) from None
    finally:
        _steps.reset(token)


def _place(traceback: TracebackType | None, texts: Mapping[str, str]) -> tuple[str, int] | None:
    """The innermost template line an error passed through."""
    place = None
    while traceback:
        if (path := traceback.tb_frame.f_code.co_filename) in texts:
            place = (path, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place


def _subject(text: str, template: str) -> str:
    line = " ".join(text.split())
    if not line:
        raise WordingError("the subject is empty", template=template)
    if any(unicodedata.category(character) == "Cc" for character in line):
        raise WordingError("a control character has no place in a subject", template=template)
    return line if len(line) <= LONGEST_SUBJECT else _cut(line)


def _cut(line: str) -> str:
    """At a blank where there is one near the end, else in the middle of a word."""
    head = line[: LONGEST_SUBJECT - 1]
    at_blank = head.rpartition(" ")[0]
    return f"{at_blank} …" if len(at_blank) > LONGEST_SUBJECT // 2 else f"{head}…"


def _plain(text: str, *, rtl: bool) -> str:
    """Tidy plain text: no trailing blanks, never two empty lines together, one line break at the end."""
    lines = [line.rstrip(" \t") for line in text.strip().splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(_from_the_right(lines) if rtl else lines)) + "\n"


def _from_the_right(lines: Iterable[str]) -> Iterator[str]:
    """Every line, other than an address, marked as running from right to left (UAX 9 4.3 HL1).

    An isolate ends with its line (UAX 9 3.3.2): one broken over two lines is opened again on the next.
    """
    open_isolates = 0
    for line in lines:
        if not line or "://" in line:
            yield line
            continue
        reopened = "\u2068" * open_isolates + line
        open_isolates = reopened.count("\u2068") - reopened.count("\u2069")
        yield "\u200f" + reopened + "\u2069" * open_isolates


# --- filters -----------------------------------------------------------------------------------


def _filters(language: str) -> dict[str, Callable[..., Any]]:
    """What a template may write after a `|`. Clocks show 24 hours; digits are European in every language."""
    locale = locale_of(language)
    rtl = locale.text_direction == "rtl"
    comma = "،" if rtl and locale.language != "he" else ","

    def city(timezone: str) -> str:
        return get_timezone_location(timezone, locale=locale, return_city=True).rpartition("/")[2]

    def listed(items: Iterable[str]) -> str:
        return format_list(list(items), locale=locale)

    def day(moment: Moment) -> str:
        return format_date(moment.venue, "full", locale=locale)

    def date(moment: Moment) -> str:
        return format_date(moment.venue, "long", locale=locale)

    def isolated(text: str) -> str:
        return f"\u2068{text}\u2069" if rtl else str(text)

    def own_clock(moment: Moment) -> str:
        own = moment.own
        if not own:
            return ""
        return f"{own:%H:%M}" if own.date() == moment.venue.date() else dated(own)

    def dated(own: datetime, clocks: str = "") -> str:
        return f"{format_skeleton('MMMEd', own, locale=locale)}{comma} {isolated(clocks or f'{own:%H:%M}')}"

    def own_clock_range(item: Mapping[str, Any], to_end: bool = False) -> str:
        starts, own = item["starts"], item["starts"].own
        if not own:
            return ""
        own_end = item["ends"].own or item["ends"].venue
        if _open_ended(item) and not to_end:
            return own_clock(starts)
        if own_end.date() != own.date():
            return f"{dated(own)} – {dated(own_end)}"
        clocks = f"{own:%H:%M}–{own_end:%H:%M}"
        return isolated(clocks) if own.date() == starts.venue.date() else dated(own, clocks)

    return {
        "at_most": lambda items, most: items[:most],
        "beside": _beside,
        "city": city,
        "clock": lambda moment: f"{moment.venue:%H:%M}",
        "clock_range": _clock_range,
        "date": date,
        "day": day,
        "isolated": isolated,
        "length": len,
        "listed": listed,
        "own_clock": own_clock,
        "own_clock_range": own_clock_range,
        "underlined": _underlined,
        "upper": lambda text: str(text).upper(),
        "wrapped": _wrapped,
    }


def _open_ended(item: Mapping[str, Any]) -> bool:
    return bool(item["end_assumed"]) or item["starts"] == item["ends"]


def _clock_range(item: Mapping[str, Any], to_end: bool = False) -> str:
    """`10:00–11:15` at the venue; only the start where the agenda gives no end, unless asked `to_end`."""
    starts, ends = item["starts"].venue, item["ends"].venue
    open_ended = _open_ended(item) and not to_end
    return f"{starts:%H:%M}" if open_ended else f"{starts:%H:%M}–{ends:%H:%M}"


_BLANKS = re.compile(r"[ \t\r\n]+")  # not the no-break space: French needs it before its colons


def _wrapped(text: str, indent: int = 0) -> str:
    """Paragraphs (parted by empty lines) broken at 72 columns, addresses and long words left whole."""
    margin = " " * min(indent, 30)
    return "\n\n".join(
        textwrap.fill(
            _BLANKS.sub(" ", paragraph).strip(),
            COLUMNS,
            initial_indent=margin,
            subsequent_indent=margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for paragraph in re.split(r"\n[ \t]*\n", str(text).strip())
    )


def _beside(text: str, label: str, width: int) -> str:
    """`label` in a column of `width`, the text to its right, hanging."""
    hanging = _wrapped(_BLANKS.sub(" ", str(text)), width).lstrip(" ")
    return label + " " * (min(width, 30) - _visible(label)) + hanging


def _underlined(text: str, stroke: str = "-") -> str:
    lines = _wrapped(text).splitlines()
    return "\n".join([*lines, stroke[:1] * max(map(_visible, lines))])


def _visible(text: str) -> int:
    """How many columns a text takes: marks that combine, and those that only steer, take none."""
    return sum(unicodedata.category(letter) not in {"Mn", "Cf"} for letter in text)


# --- reading templates against the lists -------------------------------------------------------

FILTERS = frozenset(_filters(FALLBACK))
FUNCTIONS = frozenset({"caller"})
LOOP = frozenset({"first", "last", "index"})
LISTS = {"sessions": "session", "chosen_sessions": "session"}
"""Lists of the context, and the placeholder whose fields their items have."""

ROOTS = frozenset(name.partition(".")[0] for name in PLACEHOLDERS)
FIELDS = frozenset(part for name in PLACEHOLDERS for part in name.split(".")[1:])
NAMES = frozenset(PLACEHOLDERS) | {
    ".".join(name.split(".")[:depth]) for name in PLACEHOLDERS for depth in (1, 2)
}
"""The placeholders and the groups they stand in: `event.venue.city`, `event.venue`, `event`."""

_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Output,
    nodes.TemplateData,
    nodes.Const,
    nodes.Name,
    nodes.Getattr,
    nodes.Filter,
    nodes.FilterBlock,
    nodes.If,
    nodes.For,
    nodes.Macro,
    nodes.Call,
    nodes.CallBlock,
    nodes.Block,
    nodes.Extends,
    nodes.Import,
    nodes.Assign,
    nodes.AssignBlock,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Concat,
    nodes.Keyword,
)


_PHRASES = re.compile(r"layout/[a-z-]+\.phrases\.txt")
_EVERY_LANGUAGE = "layout/*.phrases.txt"
"""How an import of `"layout/" ~ language ~ ".phrases.txt"` is written down."""

_LETTER = re.compile(
    r"(?P<kind>[a-z-]+)/(?P<language>[a-z]{2,3}(?:-[a-z0-9]+)*)\.(?P<part>subject\.txt|txt|html)"
)


def _read(wording: Wording, path: str) -> list[Problem]:
    """What is wrong in one file by its text alone: syntax, names, filters, calls, loops."""
    try:
        tree = _environment(wording, FALLBACK).parse(wording.texts[path], path)
    except TemplateSyntaxError as error:
        return [Problem(file=path, row=error.lineno, message=str(error.message))]
    if _PHRASES.fullmatch(path):
        return _only_constants(tree, path)
    reader = _Reader(wording, path, tree)
    reader.visit(tree)
    return reader.problems


def _only_constants(tree: nodes.Template, path: str) -> list[Problem]:
    """Phrases are texts without values: an HTML part can then escape every one of them."""
    constants = [
        node
        for node in tree.body
        if isinstance(node, nodes.Assign)
        and isinstance(node.target, nodes.Name)
        and isinstance(node.node, nodes.Const)
        and isinstance(node.node.value, str)
    ]
    return [
        Problem(file=path, row=node.lineno, message='holds more than lines of {% set name = "words" %}')
        for node in tree.body
        if node not in constants and not _is_blank(node)
    ][:1]


def _is_blank(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Output) and all(
        isinstance(piece, nodes.TemplateData) and not piece.data.strip() for piece in node.nodes
    )


class _Reader:
    """Walks one parsed template and notes what is not on the lists.

    Local names hold for the whole file; that they are used in their place is proven by trying the letter.
    """

    def __init__(self, wording: Wording, path: str, tree: nodes.Template) -> None:
        self.problems: list[Problem] = []
        self._wording, self._path = wording, path
        self._locals = {name.name for name in tree.find_all(nodes.Name) if name.ctx in {"store", "param"}}
        self._macros = {macro.name for macro in tree.find_all(nodes.Macro)}
        self._imports = {node.target: self._imported(node) for node in tree.find_all(nodes.Import)}
        self._items: dict[str, str] = {}
        self._loops: list[str] = []

    def visit(self, node: nodes.Node) -> None:
        particular = getattr(self, f"_visit_{type(node).__name__.lower()}", None)
        if particular:
            particular(node)
        elif isinstance(node, (*_ALLOWED, nodes.Template)):
            self._visit_children(node)
        else:
            self._note(node, f"'{type(node).__name__.lower()}' has no place in a letter")

    def _visit_children(self, node: nodes.Node) -> None:
        for child in node.iter_child_nodes():
            self.visit(child)

    def _note(self, node: nodes.Node, message: str) -> None:
        self.problems.append(Problem(file=self._path, row=node.lineno, message=message))

    def _visit_name(self, node: nodes.Name) -> None:
        known = self._locals | self._macros | self._imports.keys() | FUNCTIONS | ROOTS
        if node.name.startswith("_"):
            self._note(node, f"'{node.name}' begins with an underscore")
        elif node.ctx != "load" and node.name in ROOTS:
            self._note(node, f"'{node.name}' is a placeholder and cannot be set")
        elif node.name not in known:
            self._note(node, _unknown(node.name, known | NAMES))

    def _visit_getattr(self, node: nodes.Getattr) -> None:
        names = _dotted(node)
        if names is None:
            self._note(node, f"only a placeholder has fields, such as '{node.attr}'")
            return
        root, fields = names[0], names[1:]
        if any(field.startswith("_") for field in fields):
            self._note(node, f"'{'.'.join(names)}' begins with an underscore")
        elif root in self._imports:
            self._visit_imported(node, root, fields)
        elif root == "loop" and self._loops:
            if fields[0] not in LOOP:
                self._note(node, _unknown(".".join(names), {f"loop.{field}" for field in LOOP}))
        elif root in self._items or (root in ROOTS and root not in self._locals):
            full = ".".join((self._items.get(root, root), *fields))
            if full not in NAMES:
                self._note(node, _unknown(full, NAMES))
        elif root in self._locals:
            self._notes_unless(node, fields[-1], FIELDS)
        else:
            self._note(node, _unknown(".".join(names), NAMES | self._imports.keys()))

    def _notes_unless(self, node: nodes.Node, name: str, known: Iterable[str]) -> None:
        if name not in known:
            self._note(node, _unknown(name, known))

    def _visit_imported(self, node: nodes.Node, alias: str, fields: list[str]) -> None:
        for path, known in self._imports[alias].items():
            if len(fields) != 1 or fields[0] not in known:
                message = _unknown(".".join((alias, *fields)), {f"{alias}.{name}" for name in known})
                self._note(node, f"{message} (in {path})")

    def _visit_filter(self, node: nodes.Filter) -> None:
        self._notes_unless(node, node.name, FILTERS)
        self._visit_children(node)

    def _visit_call(self, node: nodes.Call) -> None:
        names = _dotted(node.node) or [""]
        if names[0] not in FUNCTIONS | self._macros | self._imports.keys():
            self._note(node, f"'{'.'.join(names)}' cannot be called: only macros can")
        else:
            self._visit_children(node)

    def _visit_concat(self, node: nodes.Concat) -> None:
        for piece in node.nodes:
            if isinstance(piece, nodes.Name) and piece.name in self._locals:
                self._note(node, f"'~' joins placeholders and texts, not '{piece.name}'")
        self._visit_children(node)

    def _visit_for(self, node: nodes.For) -> None:
        source = node.iter.node if isinstance(node.iter, nodes.Filter) and node.iter.node else node.iter
        names = _dotted(source)
        if names is None or node.recursive or not isinstance(node.target, nodes.Name):
            self._note(node, "a loop goes over one list of the placeholders, item by item")
            return
        if self._loops and names[0] != self._loops[-1]:
            self._note(node, f"a loop within a loop goes over a list of '{self._loops[-1]}'")
        if names[0] in LISTS and len(names) == 1:
            self._items[node.target.name] = LISTS[names[0]]
        self._loops.append(node.target.name)
        self._visit_children(node)
        self._loops.pop()

    def _visit_import(self, node: nodes.Import) -> None:
        target = _target(node.template)
        if target is None or (target != _EVERY_LANGUAGE and target not in self._wording.texts):
            self._note(node, "imports what is not in the folder")
        elif target != _EVERY_LANGUAGE and Path(target).suffix != Path(self._path).suffix:
            self._note(node, "HTML and plain text do not import each other")

    def _visit_extends(self, node: nodes.Extends) -> None:
        target = _target(node.template)
        if target not in self._wording.texts or Path(str(target)).suffix != Path(self._path).suffix:
            self._note(node, "extends what is not in the folder, or not of its own sort")

    def _imported(self, node: nodes.Import) -> dict[str, frozenset[str]]:
        """The names an import brings, by the file they come from."""
        target = _target(node.template)
        if target == _EVERY_LANGUAGE:
            paths = [path for path in self._wording.texts if _PHRASES.fullmatch(path)]
        else:
            paths = [target] if target is not None and target in self._wording.texts else []
        return {path: _exported(self._wording, path) for path in paths}


def _dotted(node: nodes.Node) -> list[str] | None:
    """`event.venue.city` as its names; None where it does not begin with a name."""
    if isinstance(node, nodes.Name):
        return [node.name]
    if isinstance(node, nodes.Getattr) and (names := _dotted(node.node)):
        return [*names, node.attr]
    return None


def _target(node: nodes.Node) -> str | None:
    """The path an import or extends names; None for one that cannot be known before rendering."""
    if isinstance(node, nodes.Const) and isinstance(node.value, str):
        return node.value
    pieces = node.nodes if isinstance(node, nodes.Concat) else []
    said = [
        piece.value if isinstance(piece, nodes.Const) else getattr(piece, "name", None) for piece in pieces
    ]
    return _EVERY_LANGUAGE if said == ["layout/", "language", ".phrases.txt"] else None


@lru_cache(maxsize=256)
def _exported(wording: Wording, path: str) -> frozenset[str]:
    try:
        tree = _environment(wording, FALLBACK).parse(wording.texts[path], path)
    except TemplateSyntaxError:
        return frozenset()
    macros = {node.name for node in tree.body if isinstance(node, nodes.Macro)}
    return frozenset(macros | {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"})


def _unknown(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    return f"'{name}' is not known" + (f"; did you mean '{near[0]}'?" if near else "")


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
    for values in samples(kind, language):
        try:
            render(wording, kind, values, language)
        except WordingError as error:
            message = str(error).removeprefix(f"{error.template}:").removeprefix(f"{error.line}:").strip()
            yield Problem(file=error.template, row=error.line, message=message)
