"""What the forms of a personal page say: fields as they came, made into values or refused. Nothing is kept here.

A form bears nothing but its own fields, each once. Whoever only presses its button, as some mail scanners do, has
changed nothing.
"""

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, Request

from mailer.outbox.schema import Answer

CHOICES = (Answer.ACCEPTED, Answer.TENTATIVE, Answer.DECLINED)
"""The answers offered, in this order, none chosen beforehand."""

LONGEST_COMMENT = 1000
"""Characters, a line break being one."""

_MOST_FIELDS = 1200
_INVISIBLE = "\u200c\u200d"  # joiners, which several scripts need

Fields = Sequence[tuple[str, str]]


async def fields(request: Request) -> Fields:
    """The fields of a form as they came, in their order; none where it is no such form."""
    try:
        return parse_qsl((await request.body()).decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return []


Given = Annotated[Fields, Depends(fields)]


@dataclass(frozen=True, kw_only=True)
class AnswerForm:
    """An answer and a word with it. `problem` is the phrase that says what is wrong, or nothing."""

    answer: Answer | None = None
    comment: str = ""
    problem: str = ""


def answer_in(given: Fields) -> AnswerForm:
    """What an answer's form says. The comment is kept whatever is wrong with it, to be shown again."""
    named = dict(given)
    comment = _clean(named.get("comment", ""))
    word = named.get("answer", "")
    if len(named) < len(given) or named.keys() - {"answer", "comment"} or word not in set(CHOICES):
        return AnswerForm(comment=comment, problem="choose_one")
    if len(comment) > LONGEST_COMMENT:
        return AnswerForm(answer=Answer(word), comment=comment, problem="remark_too_long")
    return AnswerForm(answer=Answer(word), comment=comment)


@dataclass(frozen=True, kw_only=True)
class Toggled:
    """Sessions that were added and taken off, by what the form showed when it was opened."""

    added: frozenset[str]
    taken_off: frozenset[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.taken_off)


def sessions_in(given: Fields, known: Collection[str]) -> Toggled | None:
    """What a person changed in the form of sessions; None where that is not such a form, or names no known session.

    It says what is ticked (`session`) and what was ticked when it was shown (`was`): so a form from an old window
    undoes nothing that its reader has not touched.
    """
    if {name for name, _ in given} - {"session", "was"}:
        return None
    ticked, were = ({value for name, value in given if name == each} for each in ("session", "was"))
    toggled = Toggled(added=frozenset(ticked - were), taken_off=frozenset(were - ticked))
    return toggled if (toggled.added | toggled.taken_off) <= set(known) else None


def settings_in(
    given: Fields, languages: Collection[str], timezones: Collection[str]
) -> tuple[str, str] | None:
    """Language and time zone, each one that is offered; None for anything else."""
    named = dict(given)
    if len(given) != 2 or named.keys() != {"language", "timezone"}:
        return None
    language, timezone = named["language"], named["timezone"]
    return (language, timezone) if language in languages and timezone in timezones else None


def _clean(text: str) -> str:
    """A stranger's text: NFC, line breaks as LF, no other control or direction characters."""
    lines = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    return "".join(each for each in lines if each == "\n" or each.isprintable() or each in _INVISIBLE).strip()
