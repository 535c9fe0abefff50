"""What a template may say: it is parsed and read against lists, before anything is rendered.

Placeholders and the template's own variables, a few filters, calls of macros; everything else is a problem with
its line. A value never becomes syntax. What holds while rendering is in `sandbox`.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from jinja2 import TemplateSyntaxError, nodes

from mailer.composition.phrasing import FILTERS
from mailer.composition.placeholders import PLACEHOLDERS
from mailer.composition.sandbox import Sandbox
from mailer.errors import Problem

FUNCTIONS = frozenset({"caller"})
LOOP = frozenset({"first", "last", "index"})
DEEPEST = 30
"""So many blocks, expressions and filters may stand inside one another; of ours none has half of them."""

LISTS = {"sessions": "session", "chosen_sessions": "session", "changes": "changes"}
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

_TOO_DEEP = f"is nested too deeply: {DEEPEST} blocks, expressions and filters inside one another are the most"

_JINJA = Sandbox({}, {})
"""Only parses."""


def read(texts: Mapping[str, str], path: str) -> list[Problem]:
    """What is wrong in one file by its text alone: syntax, names, filters, calls, loops."""
    try:
        tree = _JINJA.parse(texts[path], path)
    except TemplateSyntaxError as error:
        return [Problem(file=path, row=error.lineno, message=str(error.message))]
    except RecursionError:
        return [Problem(file=path, message=_TOO_DEEP)]
    if row := _too_deep(tree):
        return [Problem(file=path, row=row, message=_TOO_DEEP)]
    if _PHRASES.fullmatch(path):
        return _only_constants(tree, path)
    reader = _Reader(texts, path, tree)
    reader.visit(tree)
    return reader.problems


def _too_deep(tree: nodes.Template) -> int:
    """The line of something that stands inside more than `DEEPEST` others, or 0."""
    ahead: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while ahead:
        node, depth = ahead.pop()
        if depth > DEEPEST:
            return node.lineno
        ahead += [(child, depth + 1) for child in node.iter_child_nodes()]
    return 0


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

    def __init__(self, texts: Mapping[str, str], path: str, tree: nodes.Template) -> None:
        self.problems: list[Problem] = []
        self._texts, self._path = texts, path
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
        if target is None or (target != _EVERY_LANGUAGE and target not in self._texts):
            self._note(node, "imports what is not in the folder")
        elif target != _EVERY_LANGUAGE and Path(target).suffix != Path(self._path).suffix:
            self._note(node, "HTML and plain text do not import each other")

    def _visit_extends(self, node: nodes.Extends) -> None:
        target = _target(node.template)
        if target not in self._texts or Path(str(target)).suffix != Path(self._path).suffix:
            self._note(node, "extends what is not in the folder, or not of its own sort")

    def _imported(self, node: nodes.Import) -> dict[str, frozenset[str]]:
        """The names an import brings, by the file they come from."""
        target = _target(node.template)
        if target == _EVERY_LANGUAGE:
            paths = [path for path in self._texts if _PHRASES.fullmatch(path)]
        else:
            paths = [target] if target is not None and target in self._texts else []
        return {path: _exported(self._texts[path]) for path in paths}


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
def _exported(source: str) -> frozenset[str]:
    try:
        tree = _JINJA.parse(source)
    except TemplateSyntaxError:
        return frozenset()
    macros = {node.name for node in tree.body if isinstance(node, nodes.Macro)}
    return frozenset(macros | {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"})


def _unknown(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(known), 1)
    return f"'{name}' is not known" + (f"; did you mean '{near[0]}'?" if near else "")
