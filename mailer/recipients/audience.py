"""Which recipients a mailing is for, as the organiser writes it. Reading the lists of people is in `reading`.

    everyone
    role = focal_point                        role in (practitioner, expert)          role != speaker
    state in (AT, SK)                         language = fr                           tag = press
    answer = none | accepted | tentative | declined | delegated                       answered
    chose session-1                           chose this session

joined by `and`, `or`, `not` and parentheses; `not` binds closest, then `and`, then `or`. `not in (...)` is
allowed, capitals do not matter, and a value that holds a space or a sign is written in double quotes.

`answer` and `answered` speak of the event as a whole. `language = pt` also finds `pt-br` (RFC 4647 3.3.1);
whoever has no language of their own is found by none. `chose` means: the session stands in the person's list,
unless they have since answered for that session, in which case the answer decides.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache

from babel import Locale, UnknownLocaleError

from mailer.recipients.model import Recipient, Role

LONGEST = 2000
"""Characters an audience may have."""

DEEPEST = 50
"""Parentheses and `not`s that may stand inside one another."""

EVENT = "event"
SILENT = "none"
ANSWERS = (SILENT, "accepted", "tentative", "declined", "delegated")
_COMING = frozenset({"accepted", "tentative"})


class Subject(StrEnum):
    """What can be compared with `=`, `!=` and `in`."""

    ROLE = "role"
    TAG = "tag"
    STATE = "state"
    LANGUAGE = "language"
    ANSWER = "answer"


@dataclass(frozen=True, kw_only=True)
class Everyone:
    """Every recipient."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Those whose last answer for the event is not silence."""


@dataclass(frozen=True, kw_only=True)
class Chose:
    """Those who chose a session; None is the one the occasion hangs on."""

    session: str | None


@dataclass(frozen=True, kw_only=True)
class OneOf:
    """Those whose `subject` is one of `values` (for a tag: who bear at least one of them)."""

    subject: Subject
    values: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Not:
    part: "Audience"


@dataclass(frozen=True, kw_only=True)
class All:
    parts: tuple["Audience", ...]


@dataclass(frozen=True, kw_only=True)
class Some:
    parts: tuple["Audience", ...]


Statement = Everyone | Answered | Chose | OneOf
Audience = Statement | Not | All | Some


@lru_cache(maxsize=1024)
def parse(text: str) -> Audience:
    """The audience a text states. Whether its States, roles and sessions exist is for `check`.

    Raises:
        ValueError: the text is not understood; the message has the word, its column (from 1) and what fits.
    """
    if len(text) > LONGEST:
        raise ValueError(f"an audience may have {LONGEST:,} characters, this one has {len(text):,}")
    return _Parser(text).audience()


def matches(audience: Audience, recipient: Recipient, *, answers: Mapping[str, str], anchor: str) -> bool:
    """Whether the recipient belongs to it.

    `answers` maps `event` and session keys to the last answer (absent: silent); `anchor` is what the occasion
    hangs on, `event` or a session's key. No session is "this session" when it hangs on the event.
    """
    match audience:
        case Not(part=part):
            return not matches(part, recipient, answers=answers, anchor=anchor)
        case All(parts=parts):
            return all(matches(part, recipient, answers=answers, anchor=anchor) for part in parts)
        case Some(parts=parts):
            return any(matches(part, recipient, answers=answers, anchor=anchor) for part in parts)
        case statement:
            return _holds(statement, recipient, answers, anchor)


def is_chosen(audience: Audience) -> bool:
    """Whether nobody belongs to it who has not chosen, or answered for, the session that the occasion hangs on."""
    match audience:
        case Chose(session=None):
            return True
        case All(parts=parts):
            return any(map(is_chosen, parts))
        case Some(parts=parts):
            return all(map(is_chosen, parts))
        case _:
            return False


def may_match(audience: Audience, recipient: Recipient) -> bool:
    """Whether the recipient could belong to it, whatever they answer, choose and prefer: what is theirs to decide (an
    answer, a session, a language) is left open.
    """
    return _possible(audience, recipient) is not False


def _possible(audience: Audience, recipient: Recipient) -> bool | None:
    """None where it depends on what the recipient decides."""
    match audience:
        case Not(part=part):
            found = _possible(part, recipient)
            return None if found is None else not found
        case All(parts=parts):
            each = [_possible(part, recipient) for part in parts]
            return False if False in each else None if None in each else True
        case Some(parts=parts):
            each = [_possible(part, recipient) for part in parts]
            return True if True in each else None if None in each else False
        case Answered() | Chose() | OneOf(subject=Subject.ANSWER | Subject.LANGUAGE):
            return None
        case statement:
            return _holds(statement, recipient, {}, EVENT)


def check(text: str, *, sessions: Collection[str], per_session: bool) -> list[str]:
    """All that is wrong with an audience, each as a sentence; an empty list when nothing is.

    `sessions` are the agenda's keys; `per_session` says whether the mailing hangs on one. Tags are free text.
    """
    try:
        audience = parse(text)
    except ValueError as error:
        return [str(error)]
    problems = (p for part in _statements(audience) for p in _problems_of(part, sessions, per_session))
    return list(dict.fromkeys(problems))


def is_about_answers(audience: Audience) -> bool:
    """Whether who belongs to it changes with the answers that come in for the event."""
    return any(
        isinstance(part, Answered) or (isinstance(part, OneOf) and part.subject is Subject.ANSWER)
        for part in _statements(audience)
    )


def written(audience: Audience) -> str:
    """The audience in words, one line; `parse` of it is the same audience again."""
    match audience:
        case Not(part=part):
            return f"not {_enclosed(part)}"
        case All(parts=parts):
            return " and ".join(map(_enclosed, parts))
        case Some(parts=parts):
            return " or ".join(map(_enclosed, parts))
        case statement:
            return _said(statement)


@lru_cache(maxsize=1)
def states() -> Mapping[str, str]:
    """Every ISO 3166-1 alpha-2 code with its English name in CLDR."""
    territories = Locale("en").territories.items()
    return {
        code: name for code, name in territories if re.fullmatch("[A-Z]{2}", code) and code not in _NOT_ISO
    }


@lru_cache(maxsize=1024)
def is_language(tag: str) -> bool:
    """Whether CLDR knows a lower-case BCP 47 tag, such as `fr`, `pt-br` or `sr-latn`."""
    if not re.fullmatch(r"[a-z]{2,3}(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?", tag):
        return False
    try:
        Locale.parse(tag, sep="-")
    except (ValueError, UnknownLocaleError):
        return False
    return True


def nearest(word: str, known: Iterable[str], template: str = "; did you mean '{}'?") -> str:
    """The nearest known word put into a template, or nothing when none is near."""
    found = get_close_matches(word[:64], list(known), n=1, cutoff=0.6)
    return template.format(found[0]) if found else ""


_NOT_ISO = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
"""CLDR's two-letter territories that ISO 3166-1 does not assign."""


def _holds(statement: Statement, recipient: Recipient, answers: Mapping[str, str], anchor: str) -> bool:
    match statement:
        case Everyone():
            return True
        case Answered():
            return answers.get(EVENT, SILENT) != SILENT
        case Chose(session=session):
            return _chose(recipient, session or anchor, answers)
        case OneOf(subject=subject, values=values):
            return any(_is(recipient, subject, value, answers) for value in values)


def _chose(recipient: Recipient, session: str, answers: Mapping[str, str]) -> bool:
    answer = answers.get(session, SILENT) if session != EVENT else SILENT
    return session in recipient.sessions if answer == SILENT else answer in _COMING


def _is(recipient: Recipient, subject: Subject, value: str, answers: Mapping[str, str]) -> bool:
    match subject:
        case Subject.ROLE:
            return recipient.role == value
        case Subject.TAG:
            return value in map(str.casefold, recipient.tags)
        case Subject.STATE:
            return recipient.state == value
        case Subject.LANGUAGE:
            return f"{recipient.language or ''}-".startswith(f"{value}-")
        case Subject.ANSWER:
            return answers.get(EVENT, SILENT) == value


def _statements(audience: Audience) -> Iterator[Statement]:
    match audience:
        case Not(part=part):
            yield from _statements(part)
        case All(parts=parts) | Some(parts=parts):
            for part in parts:
                yield from _statements(part)
        case statement:
            yield statement


def _problems_of(part: Statement, sessions: Collection[str], per_session: bool) -> Iterator[str]:
    match part:
        case Chose(session=None) if not per_session:
            yield "'chose this session' needs a mailing that hangs on one; or name it: chose session-1"
        case Chose(session=str() as key) if key not in sessions:
            yield f"the agenda has no session '{key}'{nearest(key, sessions)}"
        case OneOf(subject=subject, values=values):
            for value in values:
                yield from _problems_with(subject, value)


def _problems_with(subject: Subject, value: str) -> Iterator[str]:
    match subject:
        case Subject.ROLE if value not in set(Role):
            yield f"there is no role '{value}'{nearest(value, set(Role))} (roles: {', '.join(Role)})"
        case Subject.STATE if value not in states():
            yield f"'{value}' is not a State; write its two-letter code, such as AT"
        case Subject.LANGUAGE if not is_language(value):
            yield f"'{value}' is not a language; write its code, such as fr or pt-br"
        case Subject.ANSWER if value not in ANSWERS:
            yield f"there is no answer '{value}'{nearest(value, ANSWERS)} (answers: {', '.join(ANSWERS)})"


def _said(statement: Statement) -> str:
    match statement:
        case Everyone():
            return "everyone"
        case Answered():
            return "answered"
        case Chose(session=session):
            return f"chose {_word(session)}" if session else "chose this session"
        case OneOf(subject=subject, values=(value,)):
            return f"{subject} = {_word(value)}"
        case OneOf(subject=subject, values=values):
            return f"{subject} in ({', '.join(map(_word, values))})"


def _enclosed(audience: Audience) -> str:
    return f"({written(audience)})" if isinstance(audience, All | Some) else written(audience)


def _word(value: str) -> str:
    return value if re.fullmatch(r"[^\s(),=!\"]+", value) and value != "this" else f'"{value}"'


_NORMAL: dict[Subject, Callable[[str], str]] = {
    Subject.ROLE: lambda word: re.sub(r"[\s-]+", "_", word.lower()),
    Subject.TAG: str.casefold,
    Subject.STATE: str.upper,
    Subject.LANGUAGE: lambda word: word.lower().replace("_", "-"),
    Subject.ANSWER: str.lower,
}

_TOKEN = re.compile(r'\s+|[(),=]|!=|"[^"]*"|[^\s(),=!"]+')
_END = ""
_STATEMENTS = ("everyone", "answered", "chose", "not", *Subject)


@dataclass(frozen=True, kw_only=True)
class _Token:
    text: str
    column: int
    value: str | None = None

    def __str__(self) -> str:
        return "the text ends here" if self.text == _END else f"'{self.text[:40]}' is not understood here"


class _Parser:
    """Recursive descent over the tokens; each method reads one production and leaves `at` behind it."""

    def __init__(self, text: str) -> None:
        self.tokens = [*_tokens(text), _Token(text=_END, column=len(text) + 1)]
        self.at = 0
        self.depth = 0

    def audience(self) -> Audience:
        audience = self._either()
        if self._next.text != _END:
            raise self._expected("'and' or 'or'")
        return audience

    def _either(self) -> Audience:
        parts = [self._both()]
        while self._took("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Some(parts=tuple(parts))

    def _both(self) -> Audience:
        parts = [self._part()]
        while self._took("and"):
            parts.append(self._part())
        return parts[0] if len(parts) == 1 else All(parts=tuple(parts))

    def _part(self) -> Audience:
        if self._word not in {"not", "("}:
            return self._statement()
        if self.depth == DEEPEST:
            raise ValueError(
                f"column {self._next.column}: more than {DEEPEST} parentheses and 'not's inside one another"
            )
        self.depth += 1
        part: Audience
        if self._took("not"):
            part = Not(part=self._part())
        else:
            self._take("(")
            part = self._either()
            self._take(")", "'and', 'or' or ')'")
        self.depth -= 1
        return part

    def _statement(self) -> Audience:
        if self._took("everyone"):
            return Everyone()
        if self._took("answered"):
            return Answered()
        if self._took("chose"):
            return self._chosen()
        if self._word not in set(Subject):
            hint = nearest(self._word, _STATEMENTS)
            raise self._expected(f"everyone, answered, chose, not, '(' or one of {', '.join(Subject)}", hint)
        subject = Subject(self._taken().text.lower())
        return self._comparison(subject)

    def _chosen(self) -> Chose:
        if not self._took("this"):
            return Chose(session=self._value("'this session' or a session's key").lower())
        self._take("session")
        return Chose(session=None)

    def _comparison(self, subject: Subject) -> Audience:
        normal = _NORMAL[subject]
        what = f"a {subject}"
        if self._took("="):
            return OneOf(subject=subject, values=(normal(self._value(what)),))
        if self._took("!="):
            return Not(part=OneOf(subject=subject, values=(normal(self._value(what)),)))
        outside = self._took("not")
        self._take("in", "'in'" if outside else "'=', '!=', 'in' or 'not in'")
        values = OneOf(subject=subject, values=tuple(dict.fromkeys(map(normal, self._values(what)))))
        return Not(part=values) if outside else values

    def _values(self, what: str) -> list[str]:
        self._take("(")
        values = [self._value(what)]
        while self._took(","):
            values.append(self._value(what))
        self._take(")", "',' or ')'")
        return values

    def _value(self, what: str) -> str:
        value = self._next.value
        if value is None:
            raise self._expected(what)
        self._taken()
        return value

    @property
    def _next(self) -> _Token:
        return self.tokens[self.at]

    @property
    def _word(self) -> str:
        return self._next.text.lower()

    def _taken(self) -> _Token:
        token = self._next
        self.at += 1
        return token

    def _took(self, word: str) -> bool:
        found = self._word == word
        self.at += found
        return found

    def _take(self, word: str, expected: str = "") -> None:
        if not self._took(word):
            raise self._expected(expected or f"'{word}'")

    def _expected(self, what: str, hint: str = "") -> ValueError:
        return ValueError(f"column {self._next.column}: {self._next}; expected {what}{hint}")


def _tokens(text: str) -> Iterator[_Token]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            what = "a quotation mark is left open" if text[at] == '"' else f"{text[at]!r} is not understood"
            raise ValueError(f"column {at + 1}: {what}")
        word, at = found[0], found.end()
        if not word.isspace():
            column = found.start() + 1
            yield _Token(text=word, column=column, value=_value_of(word, column))


def _value_of(token: str, column: int) -> str | None:
    """What a token says where a value is wanted; None for a sign."""
    if token in {"(", ")", ",", "=", "!="}:
        return None
    value = " ".join(token.strip('"').split())
    if not value:
        raise ValueError(f"column {column}: nothing stands between the quotation marks")
    return value
