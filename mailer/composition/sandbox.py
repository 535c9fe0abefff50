"""Jinja kept small: only text and numbers are printed, only macros called, every step and byte counted.

Its own sandbox lets loops and huge strings pass. What a template may say at all is read in `fence`, before
anything is rendered; here holds what must hold even if nobody read it.
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
    UndefinedError,
    pass_context,
)
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mailer.composition.placeholders import Moment, Value
from mailer.errors import WordingError

LONGEST_PART = 256 * 1024
"""Bytes, of a template and of what becomes of it."""

MOST_STEPS = 20_000
"""Values printed and macros called in one part; the longest real agenda takes some two thousand."""


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
        self.filters = dict(filters)
        self._texts = texts

    def written(self, name: str, values: Mapping[str, Value]) -> str:
        """What a template gives for these values.

        Raises:
            WordingError: it cannot be rendered, takes too many steps or gives too much; names the place.
        """
        token = _steps.set(_Steps(name))
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

    def call(self, context: Context, called: Any, /, *args: Any, **named: Any) -> Any:
        _steps.get().take()
        return super().call(context, called, *args, **named)


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


def _described(value: object) -> str:
    if isinstance(value, Moment):
        return "a date and time needs a filter (day, clock, ...) and"
    return {
        list: "a list",
        dict: "a group of values",
        bool: "a yes or no",
        type(None): "a missing value",
    }.get(type(value), "this")


def _place(traceback: TracebackType | None, texts: Mapping[str, str]) -> tuple[str, int] | None:
    """The innermost template line an error passed through."""
    place = None
    while traceback:
        if (path := traceback.tb_frame.f_code.co_filename) in texts:
            place = (path, traceback.tb_lineno)
        traceback = traceback.tb_next
    return place
