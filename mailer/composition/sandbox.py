"""Jinja kept small: only text and numbers are printed, only macros called, every step and byte counted.

Its own sandbox lets loops and huge strings pass. What a template may say at all is read in `fence`, before
anything is rendered; here holds what must hold even if nobody read it. An onlooker is told by which values a
template decides.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, TypeVar

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
from jinja2.visitor import NodeTransformer

from mailer.composition.placeholders import Moment, Value
from mailer.errors import WordingError

LONGEST_PART = 256 * 1024
"""Bytes, of a template and of what becomes of it."""

MOST_STEPS = 20_000
"""Values printed and macros called in one part; the longest real agenda takes some two thousand."""


class Onlooker(Protocol):
    """Sees what a template does with its values. It may refuse by an error that is neither Jinja's nor a built-in."""

    def decides(self, value: object) -> None:
        """A value is compared, looped over or looked into: what is written may depend on it."""

    def filters(
        self, name: str, function: Callable[..., object], value: object, *args: Any, **named: Any
    ) -> object:
        """A filter is applied: `function(value, *args, **named)`, or what the onlooker puts in its place."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Templates by their path, which is also what errors name; these filters, and no function or test."""

    def __init__(self, texts: Mapping[str, str], filters: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(
            loader=_Texts(texts),
            autoescape=lambda name: bool(name and name.endswith(".html")),
            undefined=StrictUndefined,
            finalize=_printable,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            cache_size=-1,
        )
        self.globals.clear()
        self.tests.clear()
        self.filters = {filter_name: _watched(filter_name, each) for filter_name, each in filters.items()}
        self.filters[_DECIDES] = _told
        self._texts = texts

    def written(self, name: str, values: Mapping[str, Value], onlooker: Onlooker | None = None) -> str:
        """What a template gives for these values.

        Raises:
            WordingError: it cannot be rendered, takes too many steps or gives too much; names the place.
        """
        token, watching = _steps.set(_Steps(name)), _onlooker.set(onlooker)
        try:
            pieces, size = [], 0
            for piece in self.get_template(name).generate(values):
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
            path, line = _place(error.__traceback__, self._texts) or (name, None)
            message = (
                "macros call each other without end" if isinstance(error, RecursionError) else str(error)
            )
            raise WordingError(message, template=path, line=line) from None
        finally:
            _steps.reset(token)
            _onlooker.reset(watching)

    def call(self, context: Context, called: Any, /, *args: Any, **named: Any) -> Any:
        _steps.get().take()
        return super().call(context, called, *args, **named)

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, str):
            _told(obj)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, str):
            _told(obj)
        return super().getitem(obj, argument)

    def _generate(
        self, source: nodes.Template, name: str | None, filename: str | None, defer_init: bool = False
    ) -> str:
        _Decisions().generic_visit(source)
        return super()._generate(source, name, filename, defer_init)


_DECIDES = "(decides)"
"""The name of a filter that no template can write."""

_onlooker: ContextVar[Onlooker | None] = ContextVar("_onlooker", default=None)

_Value = TypeVar("_Value")


def _told(value: _Value) -> _Value:
    if onlooker := _onlooker.get():
        onlooker.decides(value)
    return value


def _watched(name: str, function: Callable[..., object]) -> Callable[..., object]:
    def apply(value: object, *args: Any, **named: Any) -> object:
        onlooker = _onlooker.get()
        return (
            onlooker.filters(name, function, value, *args, **named)
            if onlooker
            else function(value, *args, **named)
        )

    return apply


class _Decisions(NodeTransformer):
    """Puts a word to the onlooker wherever a value is compared, reckoned with or looped over."""

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802 - the names are Jinja's
        self.generic_visit(node)
        node.expr = self._told(node.expr)
        for operand in node.ops:
            operand.expr = self._told(operand.expr)
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.iter = self._told(node.iter)
        return node

    def _reckoned(self, node: nodes.BinExpr) -> nodes.Node:
        self.generic_visit(node)
        node.left, node.right = self._told(node.left), self._told(node.right)
        return node

    visit_Add = visit_Sub = visit_Mul = visit_Div = visit_FloorDiv = visit_Mod = visit_Pow = _reckoned  # noqa: N815

    def _told(self, node: nodes.Node) -> nodes.Filter:
        return nodes.Filter(node, _DECIDES, [], [], None, None, lineno=node.lineno)


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


class _Texts(BaseLoader):
    """Jinja's own loader of a mapping would not name the path where an error passed."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        if template not in self._texts:
            raise TemplateNotFound(template)
        return self._texts[template], template, lambda: True


@pass_context
def _printable(_: Context, value: object) -> object:
    """Only text and numbers are printed. Taking the context keeps Jinja from printing constants unseen."""
    if isinstance(value, StrictUndefined):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise UndefinedError(f"{_described(value)} cannot be printed as it is")
    _steps.get().take(len(str(value)))
    return value


_SORTS: Mapping[type, str] = {
    Moment: "a date and time needs a filter (day, clock, ...) and",
    list: "a list",
    dict: "a group of values",
    bool: "a yes or no",
    type(None): "a missing value",
}


def _described(value: object) -> str:
    return next((words for sort, words in _SORTS.items() if isinstance(value, sort)), "this")


def _place(traceback: TracebackType | None, texts: Mapping[str, str]) -> tuple[str, int] | None:
    """The innermost template line an error passed through."""
    place = None
    while traceback:
        if (path := traceback.tb_frame.f_code.co_filename) in texts:
            place = (path, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place
