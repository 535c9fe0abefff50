"""What a mail is: an answer, a report, an automatic note, a wish to be left alone, a person's question, or unknown.

A pure function from the bytes to a value; the order of its rules is the order in which mistakes would be worst. An
answer comes first: some calendars send theirs as automatic mail. What follows from any of it is not decided here.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import compat32
from enum import StrEnum
from typing import Any

from mailer.inbox import bounces, replies
from mailer.inbox.bounces import Report
from mailer.inbox.replies import Reply


class Kind(StrEnum):
    """What came. `automatic` is whatever machines send of themselves that is neither a report nor an absence note."""

    ANSWER = "answer"
    BOUNCE = "bounce"
    OUT_OF_OFFICE = "out_of_office"
    AUTOMATIC = "automatic"
    UNSUBSCRIBE = "unsubscribe"
    QUESTION = "question"
    UNKNOWN = "unknown"


class Unreadable(ValueError):  # noqa: N818 - it names what was met
    """A mail that is built to break readers."""


MOST_LINES = 400_000
MOST_BOUNDARIES = 10_000
MOST_PARTS = 500
LONGEST_PART_HEADER = 16_000
"""Bounds that no mail of a person's comes near: what is beyond them is refused before it is parsed."""

MOST_TOKENS = 20
_LONGEST_HEADER = 2000  # characters that are decoded
_SHOWN_TEXT = 4000
_SEARCHED = 1_000_000  # bytes in which tokens are looked for
_SHOWN_TO_DETECTORS = (
    64 * 1024
)  # bytes of a report that knows no standard; what it returns behind them is ours

TOKEN = re.compile(rb"\+([0-9a-zA-Z]{1,13}-[a-zA-Z2-7]{16})@")
"""What a return path of ours has behind its mailbox; whether it is genuine, its signer says."""

ADDRESSED_IN = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To", "To", "Cc")
"""Headers that say whom a mail was brought to."""

TNEF_ANSWERS = (
    (b"IPM.Microsoft Schedule.MtgRespP", "ACCEPTED"),
    (b"IPM.Microsoft Schedule.MtgRespA", "TENTATIVE"),
    (b"IPM.Microsoft Schedule.MtgRespN", "DECLINED"),
    (b"IPM.Schedule.Meeting.Resp.Pos", "ACCEPTED"),
    (b"IPM.Schedule.Meeting.Resp.Tent", "TENTATIVE"),
    (b"IPM.Schedule.Meeting.Resp.Neg", "DECLINED"),
)
"""Message classes in a winmail.dat (MS-OXTNEF, MS-OXOCAL 2.1.1) that are answers."""

_TNEF_UID = re.compile(rb"vCal-Uid\x01\x00\x00\x00([!-~]{1,255})")

ABSENCE = re.compile(
    r"^\W*(?:automatic reply|auto(?:matic)?[- ]?(?:reply|response|antwort)|out of (?:the )?office|abwesen"
    r"|automatische antwort|réponse automatique|absence|absent du bureau|respuesta automática|fuera de (?:la )?oficina"
    r"|risposta automatica|fuori (?:sede|ufficio)|resposta automática|ausência|automatisch antwoord|afwezig"
    r"|automatyczna odpowiedź|odpowiedź automatyczna|автоответ|автоматический ответ|вне офиса|otomatik yanıt"
    r"|自動応答|自动回复|رد تلقائي)",
    re.IGNORECASE,
)
"""How notes of absence begin their subject, in the languages of mail programs."""

STOP = re.compile(
    r"\W*(?:unsubscribe(?: me)?|stop|remove me|abmelden|abbestellen|austragen|se désabonner|désabonner|désinscription"
    r"|desinscripción|darse de baja|dar de baja|cancella(?:mi|zione)|disiscrivi(?:mi)?|descadastrar|uitschrijven"
    r"|wypisz|отписаться|отписка)(?: please| bitte)?\W*",
    re.IGNORECASE,
)
"""The whole of a subject or of a first line by which a person asks for no more letters."""

_AUTOMATA = re.compile(
    r"(?:no|do[-_.]?not|dont)[-_.]?reply|notifications?|alerts?|listserv|majordomo", re.IGNORECASE
)
_PART_HEADER = re.compile(rb"^content-[a-z-]{1,40}[ \t]*:", re.IGNORECASE | re.MULTILINE)
_HEADER_END = re.compile(rb"[\r\n](?![ \t\n])")
_ADDRESS = re.compile(r"[^\s<>\"(),:;@\[\]\\]+@[^\s<>\"(),:;@\[\]\\]+")
_MESSAGE_ID = re.compile(r"<[^\s<>]{1,250}>")


@dataclass(frozen=True, kw_only=True)
class Mail:
    """What a mail says of itself. All of it is a stranger's text: one line each, without controls, of limited length.

    `addressed` are the tokens in the headers that say whom it was brought to, `mentioned` those anywhere in it.
    `text` is the beginning of what was written. `why` tells which rule sorted it.
    """

    kind: Kind
    why: str
    sender: str = ""
    sender_name: str = ""
    subject: str = ""
    message_id: str = ""
    references: tuple[str, ...] = ()
    addressed: tuple[str, ...] = ()
    mentioned: tuple[str, ...] = ()
    reply: Reply | None = None
    reports: tuple[Report, ...] = ()
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """A mail with its parts laid out: not those within a mail that it encloses."""

    message: Message
    beginning: bytes
    parts: Sequence[Message]
    text: str
    tokens: tuple[str, ...]
    facts: dict[str, object] = field(default_factory=dict)

    def header(self, name: str) -> str:
        return _header(self.message, name)

    @property
    def sender(self) -> str:
        return str(self.facts["sender"])

    @property
    def local_part(self) -> str:
        return self.sender.partition("@")[0]

    @property
    def subject(self) -> str:
        return str(self.facts["subject"])


def sort(raw: bytes) -> Mail:
    """What a mail is. May take its time and its memory over what is built to do so: to be called with limits alone.

    Raises:
        Unreadable: it is built to break readers.
        Exception: whatever a parser makes of such a mail; it is to be laid aside all the same.
    """
    mail = _open(raw)
    facts = {**mail.facts, "mentioned": _tokens(raw[:_SEARCHED]), "text": mail.text[:_SHOWN_TEXT]}
    kind, why, found = _kind(mail)
    return replace(Mail(kind=kind, why=why, **facts), **found)  # type: ignore[arg-type]


def told(mail: Mail) -> dict[str, Any]:
    """A mail in what JSON knows."""
    facts = asdict(mail)
    if mail.reply and mail.reply.stamped_at:
        facts["reply"]["stamped_at"] = mail.reply.stamped_at.isoformat()
    return facts


def heard(facts: dict[str, Any]) -> Mail:
    """The mail that `told` told of, from JSON."""
    reply = facts["reply"]
    if reply and reply["stamped_at"]:
        reply = reply | {"stamped_at": datetime.fromisoformat(reply["stamped_at"])}
    lists = {name: tuple(facts[name]) for name in ("references", "addressed", "mentioned")}
    values = {
        "kind": Kind(facts["kind"]),
        "reply": Reply(**reply) if reply else None,
        "reports": tuple(Report(**each) for each in facts["reports"]),
    }
    return Mail(**(facts | lists | values))


def _open(raw: bytes) -> _Opened:
    _refuse_bombs(raw)
    message = BytesParser(policy=compat32).parsebytes(raw)
    parts = _parts(message)
    addressed = "\n".join(_raw(message, name) for name in ADDRESSED_IN).encode("utf-8", "replace")
    name, address = _mailbox(_header(message, "From") or _header(message, "Sender"))
    references = f"{_raw(message, 'References')} {_raw(message, 'In-Reply-To')}"
    own = _MESSAGE_ID.search(_raw(message, "Message-ID"))
    return _Opened(
        message=message,
        beginning=raw[:_SHOWN_TO_DETECTORS],
        parts=parts,
        text=_text(parts),
        tokens=_tokens(addressed),
        facts={
            "sender": address,
            "sender_name": name,
            "subject": _header(message, "Subject")[:500],
            "message_id": own[0] if own and own[0].isascii() else "",
            "references": tuple(
                each for each in dict.fromkeys(_MESSAGE_ID.findall(references)) if each.isascii()
            )[-20:],
            "addressed": _tokens(addressed),
        },
    )


def _refuse_bombs(raw: bytes) -> None:
    """What would keep the parser busy: it takes a line at a time, and looks for a parameter from the beginning."""
    if raw.count(b"\n") + raw.count(b"\r") - raw.count(b"\r\n") > MOST_LINES:
        raise Unreadable(f"it has more than {MOST_LINES} lines")
    if raw.count(b"\n--") > MOST_BOUNDARIES:
        raise Unreadable(f"it has more than {MOST_BOUNDARIES} lines that could part it")
    for header in _PART_HEADER.finditer(raw):
        end = _HEADER_END.search(raw, header.end())
        if (end.start() if end else len(raw)) - header.start() > LONGEST_PART_HEADER:
            raise Unreadable(f"one of its headers is longer than {LONGEST_PART_HEADER} characters")


def _parts(message: Message) -> list[Message]:
    """The parts of a mail in their order, without what is within an enclosed mail."""
    found: list[Message] = []
    waiting = [message]
    while waiting:
        part = waiting.pop()
        found.append(part)
        if len(found) > MOST_PARTS:
            raise Unreadable(f"it has more than {MOST_PARTS} parts")
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting += [each for each in reversed(payload) if isinstance(each, Message)]
    return found


# ── the rules, in their order ────────────────────────────────────────────────────────────────────────────────

Found = dict[str, object]
Sorted = tuple[Kind, str, Found]


def _kind(mail: _Opened) -> Sorted:
    for rule in RULES:
        if found := rule(mail):
            return found
    return Kind.UNKNOWN, "there is nothing in it that could be read", {}


def _is_answer(mail: _Opened) -> Sorted | None:
    calendars = [octets for part in mail.parts if (octets := _calendar(part)) is not None]
    if not calendars:
        return None
    reply = replies.read(calendars)
    kind = Kind.ANSWER if reply.method in replies.ANSWERING or not reply.method else Kind.UNKNOWN
    return kind, reply.trouble or "it has a calendar part", {"reply": reply}


def _is_answer_of_outlook(mail: _Opened) -> Sorted | None:
    """A winmail.dat: that it is an answer, and which, can be seen; to what, seldom."""
    for part in mail.parts:
        if (
            part.get_content_type() not in {"application/ms-tnef", "application/vnd.ms-tnef"}
            and _name(part) != "winmail.dat"
        ):
            continue
        octets = _octets(part)
        for mark, partstat in TNEF_ANSWERS:
            if mark in octets:
                uid = _TNEF_UID.search(octets)
                reply = Reply(
                    method="REPLY",
                    uid=uid[1].decode("ascii") if uid else "",
                    attendee=mail.sender,
                    partstat=partstat,
                    trouble="it is an answer in a winmail.dat, which only Outlook reads whole",
                )
                return Kind.ANSWER, reply.trouble, {"reply": reply}
        if not mail.text.strip():
            return Kind.UNKNOWN, "what it says is in a winmail.dat, which only Outlook reads", {}
    return None


def _is_report(mail: _Opened) -> Sorted | None:
    kinds = {part.get_content_type() for part in mail.parts}
    if kinds & {"message/disposition-notification", "message/global-disposition-notification"}:
        return Kind.AUTOMATIC, "it is a receipt", {}
    if "message/feedback-report" in kinds:
        return Kind.UNKNOWN, "it is a complaint, passed on by a mail provider", {}
    if found := bounces.standard(mail.parts):
        return Kind.BOUNCE, "it is a delivery report", {"reports": found}
    return None


def _is_report_of_its_own_kind(mail: _Opened) -> Sorted | None:
    is_from_daemon = (
        bool(bounces.DAEMONS.fullmatch(mail.local_part)) or mail.header("Return-Path").strip() == "<>"
    )
    is_called_so = bool(bounces.RETURNED.search(mail.subject))
    if not is_from_daemon and not (mail.tokens and is_called_so):
        return None
    if ABSENCE.match(mail.subject) or (
        mail.header("Auto-Submitted").lower().startswith("auto-replied") and not is_called_so
    ):
        return None
    if found := bounces.unstandard(BytesParser(policy=compat32).parsebytes(mail.beginning), mail.text):
        return Kind.BOUNCE, "it reads like a delivery report", {"reports": found}
    if is_called_so:
        return Kind.BOUNCE, "it is called a delivery report", {"reports": (bounces.unknown(mail.text),)}
    return None


def _is_absence(mail: _Opened) -> Sorted | None:
    answered = mail.header("Auto-Submitted").lower().startswith("auto-replied")
    marked = any(
        mail.header(name) for name in ("X-Autoreply", "X-Autorespond", "X-Autoresponder", "X-Auto-Reply-From")
    )
    precedence = mail.header("Precedence").lower().replace("-", "_") == "auto_reply"
    if answered or marked or precedence or ABSENCE.match(mail.subject):
        return Kind.OUT_OF_OFFICE, "it was sent by itself, because its sender is away", {}
    return None


def _is_automatic(mail: _Opened) -> Sorted | None:
    submitted = mail.header("Auto-Submitted").lower().strip()
    if submitted and not submitted.startswith("no"):
        return Kind.AUTOMATIC, "it says that no person wrote it", {}
    listed = any(mail.header(name) for name in ("List-Id", "List-Unsubscribe", "List-Post", "Feedback-ID"))
    if listed or mail.header("Precedence").lower() in {"bulk", "list", "junk"}:
        return Kind.AUTOMATIC, "it comes from a list", {}
    if bounces.DAEMONS.fullmatch(mail.local_part) or _AUTOMATA.match(mail.local_part):
        return Kind.AUTOMATIC, "no person reads what is sent to its sender", {}
    return None


def _is_wish_to_stop(mail: _Opened) -> Sorted | None:
    subject = re.sub(r"^(?:\s*(?:re|aw|sv|antw|odp)\s*:)+", "", mail.subject, flags=re.IGNORECASE)
    first = next((line for line in mail.text.splitlines() if line.strip()), "")[:100]
    if STOP.fullmatch(subject.strip()[:100]) or STOP.fullmatch(first.strip()):
        return Kind.UNSUBSCRIBE, "it asks for no more letters", {}
    return None


def _is_question(mail: _Opened) -> Sorted | None:
    if mail.sender and (mail.text.strip() or len(mail.parts) > 1):
        return Kind.QUESTION, "a person wrote it", {}
    return None


RULES: tuple[Callable[[_Opened], Sorted | None], ...] = (
    _is_answer,
    _is_report,
    _is_answer_of_outlook,
    _is_report_of_its_own_kind,
    _is_absence,
    _is_automatic,
    _is_wish_to_stop,
    _is_question,
)
"""The first that says something counts."""


# ── parts and headers ────────────────────────────────────────────────────────────────────────────────────────


def _calendar(part: Message) -> bytes | None:
    """A part that is a calendar object, by whatever name it comes: attachments of every kind among them."""
    kind, name = part.get_content_type(), _name(part)
    if kind in {"text/calendar", "application/ics", "text/x-vcalendar"} or name.endswith((".ics", ".vcs")):
        return _in_utf8(part, _octets(part))
    if kind in {"text/plain", "application/octet-stream"}:
        octets = _octets(part)
        if octets[:200].lstrip()[:15].upper() == b"BEGIN:VCALENDAR":
            return _in_utf8(part, octets)
    return None


def _in_utf8(part: Message, octets: bytes) -> bytes:
    """Calendars are UTF-8 (RFC 5545 3.1.4); some parts say that they are something else, and are."""
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded(part, octets).encode("utf-8", "replace")
    return octets


def _decoded(part: Message, octets: bytes) -> str:
    charset = str(part.get_content_charset() or "utf-8")
    try:
        return octets.decode(charset)
    except (LookupError, ValueError):
        return octets.decode("utf-8", "replace") if charset == "utf-8" else octets.decode("latin-1")


def _octets(part: Message, *, longest: int = 4 * replies.LARGEST) -> bytes:
    """A part's content, or its beginning where it is longer than whatever is looked for."""
    octets = part.get_payload(decode=True)
    return octets[:longest] if isinstance(octets, bytes) else b""


def _name(part: Message) -> str:
    try:
        return str(part.get_filename() or "").lower().strip()[-200:]
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""


def _text(parts: Sequence[Message]) -> str:
    """What was written: the first plain text, or else HTML without its tags."""
    for kind in ("text/plain", "text/html"):
        for part in parts:
            if part.get_content_type() == kind and not _name(part):
                text = _decoded(part, _octets(part, longest=64 * 1024))
                return _clean(_without_tags(text) if kind == "text/html" else text)
    return ""


def _without_tags(html: str) -> str:
    plain = re.sub(
        r"<(style|script)\b[^>]{0,1000}>.{0,20000}?</\1>",
        " ",
        html[:100_000],
        flags=re.IGNORECASE | re.DOTALL,
    )
    return re.sub(
        r"<[^<>]{0,2000}>", " ", re.sub(r"<(?:br|/p|/div)\b[^<>]{0,200}>", "\n", plain, flags=re.IGNORECASE)
    )


def _clean(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in lines if c.isprintable() or c in "\n\t")
    return kept.encode("utf-8", "replace").decode()


def _raw(message: Message, name: str) -> str:
    """All headers of a name, as they stand, of limited length."""
    return " ".join(str(value)[:_LONGEST_HEADER] for value in (message.get_all(name) or [])[:20])


def _header(message: Message, name: str) -> str:
    """A header as a person reads it, on one line."""
    written = str(message.get(name, ""))[:_LONGEST_HEADER]
    try:
        text = "".join(
            words.decode(charset or "latin-1", "replace") if isinstance(words, bytes) else words
            for words, charset in decode_header(re.sub(r"\r?\n", "", written))
        )
    except (LookupError, ValueError):
        text = written
    except Exception:  # email.errors.HeaderParseError is one of several
        text = written
    printable = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(printable.encode("utf-8", "replace").decode().split())


def _mailbox(header: str) -> tuple[str, str]:
    """Name and address of a From that may be written anyhow: the last that looks like an address is it."""
    found = re.findall(r"<([^<>]{3,320})>", header)
    candidates = _ADDRESS.findall(found[-1]) if found else _ADDRESS.findall(header)
    address = candidates[-1][:320] if candidates else ""
    name = header.partition("<")[0].strip().strip('"').strip() if found else ""
    return name[:200], address


def _tokens(octets: bytes) -> tuple[str, ...]:
    found = dict.fromkeys(token.decode("ascii").lower() for token in TOKEN.findall(octets))
    return tuple(found)[:MOST_TOKENS]
