"""What is doubtful about a mailing before it leaves: its letters are looked at as mail programs will see them.

Nothing here refuses; what must not leave is refused where letters are written.
"""

import re
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from mailer.agenda.attachments import megabytes
from mailer.agenda.model import AgendaVersion, CalendarPart, Mailing
from mailer.composition import wording
from mailer.composition.composing import Composed
from mailer.composition.links import without_tokens
from mailer.composition.placeholders import PLACEHOLDERS
from mailer.composition.wording import Wording
from mailer.recipients.model import Recipient

HEAVY = 1_000_000
"""Bytes of a whole letter above which it is a burden: to mailboxes that are nearly full, to readers on the road, and to
the mail server, once for each reader.
"""

CLIPPED_AT = 102 * 1024
"""Bytes of HTML after which some mail programs show no more."""

LONGEST_SUBJECT = 78
"""Characters that most mail programs show of a subject (RFC 5322 2.1.1 wants lines no longer)."""

_LINK = re.compile(r"https?://[^\s<>\"')\]]+")
_HREF = re.compile(r'href="([^"]+)"')


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One remark. `is_doubtful`: somebody should look; else it says what was looked at. `missing` are languages
    that the letter could be written in.
    """

    about: str
    says: str
    is_doubtful: bool = False
    missing: tuple[str, ...] = ()


def lint(
    version: AgendaVersion,
    mailing: Mailing,
    texts: Wording,
    languages: Collection[str],
    letter: Composed,
    reader: Recipient,
    *,
    spam: Callable[[bytes], str] | None = None,
) -> list[Finding]:
    """Everything that is to be said of a mailing and one of its letters. `languages` are those of its readers."""
    return [
        *_translations(mailing, texts, languages),
        *_placeholders(mailing, texts),
        *_size(letter),
        *_files(mailing, letter),
        *_links(letter),
        *_calendar(version, mailing, letter, reader),
        *_spam(letter, spam),
    ]


def _translations(mailing: Mailing, texts: Wording, languages: Collection[str]) -> Iterator[Finding]:
    there = wording.languages_of(texts, mailing.kind)
    missing = [
        each for each in sorted(languages) if each not in there and each.partition("-")[0] not in there
    ]
    if missing:
        said = f"some readers prefer {', '.join(missing)}; they get it in the event's language, or in English"
        yield Finding(about="Languages", says=said, is_doubtful=True, missing=tuple(missing))
    else:
        yield Finding(about="Languages", says=f"written in {', '.join(there)}; nobody prefers another")


def _placeholders(mailing: Mailing, texts: Wording) -> Iterator[Finding]:
    """What one language tells its readers and another leaves out. How people are addressed is each language's own."""
    languages = wording.languages_of(texts, mailing.kind)
    used = {language: _used(texts, mailing, language) for language in languages}
    for language in languages:
        if never := sorted(used.get(wording.FALLBACK, frozenset()) - used[language]):
            said = f"never used, though {wording.FALLBACK} has them: {', '.join(never)}"
            yield Finding(about=f"Placeholders, {language}", says=said, is_doubtful=True)


def _used(texts: Wording, mailing: Mailing, language: str) -> frozenset[str]:
    return _named("\n".join(texts.texts[f"{mailing.kind}/{language}.{part}"] for part in wording.PARTS))


@lru_cache(maxsize=64)
def _named(whole: str) -> frozenset[str]:
    told = (name for name in PLACEHOLDERS if "." in name and not name.startswith("recipient."))
    return frozenset(name for name in told if re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", whole))


def _size(letter: Composed) -> Iterator[Finding]:
    html, whole = len(letter.html.encode()), len(letter.raw)
    if html > CLIPPED_AT:
        said = f"the HTML has {html // 1024} kB: some mail programs cut it off at {CLIPPED_AT // 1024} kB"
        yield Finding(about="Size", says=said, is_doubtful=True)
    else:
        yield Finding(about="Size", says=f"{whole / 1024:.0f} kB in all, {html / 1024:.0f} kB of it HTML")
    if len(letter.subject) > LONGEST_SUBJECT:
        said = f"the subject has {len(letter.subject)} characters; many see only the first {LONGEST_SUBJECT}"
        yield Finding(about="Subject", says=said, is_doubtful=True)


def _files(mailing: Mailing, letter: Composed) -> Iterator[Finding]:
    files, whole = len(mailing.attachments), megabytes(len(letter.raw))
    if len(letter.raw) > HEAVY:
        said = f"the letter has {whole}, above {megabytes(HEAVY)}: a link to what is attached reaches more readers"
        yield Finding(about="Attachments", says=said, is_doubtful=True)
    elif files:
        said = f"{files} file{'s' if files > 1 else ''}; the whole letter has {whole}"
        yield Finding(about="Attachments", says=said)


def _links(letter: Composed) -> Iterator[Finding]:
    plain = {found.rstrip(".,;") for found in _LINK.findall(letter.text)}
    rich = {found.replace("&amp;", "&") for found in _HREF.findall(letter.html) if found.startswith("http")}
    insecure = sorted({without_tokens(each) for each in plain | rich if each.startswith("http://")})
    if any(urlsplit(each).hostname in {"127.0.0.1", "localhost"} for each in insecure):
        said = "links lead to this machine: set CONVENOR_BASE_URL before real letters leave"
        yield Finding(about="Links", says=said, is_doubtful=True)
    elif insecure:
        yield Finding(about="Links", says=f"not protected: {', '.join(insecure[:3])}", is_doubtful=True)
    if odd := sorted(each for each in _HREF.findall(letter.html) if not each.startswith(("http", "mailto:"))):
        yield Finding(about="Links", says=f"lead nowhere: {', '.join(odd[:3])}", is_doubtful=True)
    if not (plain and rich):
        yield Finding(about="Links", says="one of the two parts has no link", is_doubtful=True)
    yield Finding(about="Links", says=f"{len(plain | rich)} different ones")


def _calendar(
    version: AgendaVersion, mailing: Mailing, letter: Composed, reader: Recipient
) -> Iterator[Finding]:
    """What calendars trip over: RFC 5546 3.2.2 (one organiser, one attendee), RFC 5545 3.6.1."""
    file = letter.calendar
    if mailing.calendar is CalendarPart.NONE or file is None:
        yield Finding(about="Calendar", says="carries nothing for the calendar")
        return
    source = file.content if isinstance(file.content, str) else file.content.decode()
    lines = re.sub(r"\r?\n[ \t]", "", source).splitlines()
    entries = lines.count("BEGIN:VEVENT")
    faults = []
    attendees = [line for line in lines if line.startswith("ATTENDEE")]
    if file.method == "REQUEST" and (
        len(attendees) != entries or any(reader.address.lower() not in each.lower() for each in attendees)
    ):
        faults.append("its reader is not the only one who is asked")
    if len({line for line in lines if line.startswith("UID:")}) != entries:
        faults.append("two entries have one UID")
    if any(not _has(lines, name, entries) for name in ("DTSTART", "DTEND", "SUMMARY", "DTSTAMP")):
        faults.append("an entry lacks its hours, its title or its stamp")
    if len(source.encode()) > CLIPPED_AT:
        faults.append("it is larger than calendars like")
    if faults:
        yield Finding(about="Calendar", says="; ".join(faults), is_doubtful=True)
    else:
        said = f"{file.method}, {entries} entr{'y' if entries == 1 else 'ies'} of version {version.number}, sound"
        yield Finding(about="Calendar", says=said)


def _has(lines: list[str], name: str, times: int) -> bool:
    inside, found = False, 0
    for line in lines:
        if line in {"BEGIN:VEVENT", "END:VEVENT"}:
            inside = line.startswith("BEGIN")
        elif inside and line.startswith((f"{name}:", f"{name};")):
            found += 1
    return found >= times


def _spam(letter: Composed, judge: Callable[[bytes], str] | None) -> Iterator[Finding]:
    if judge is None:
        there = "not asked" if has_rspamd() else "not judged: there is no rspamd on this machine"
        yield Finding(about="Spam", says=there)
        return
    said = judge(letter.raw)
    yield Finding(about="Spam", says=said, is_doubtful="no action" not in said)


def has_rspamd() -> bool:
    """Whether rspamd's client is installed here."""
    return shutil.which("rspamc") is not None


def rspamd() -> Callable[[bytes], str] | None:
    """What rspamd on this machine says of a letter, in one line; None where it is not installed."""
    program = shutil.which("rspamc")
    if program is None:
        return None

    def judge(raw: bytes) -> str:
        try:
            done = subprocess.run([program], input=raw, capture_output=True, timeout=5, check=True)  # noqa: S603
        except (OSError, subprocess.SubprocessError):
            return "no action known: rspamd did not answer"
        told = dict(
            line.split(":", 1) for line in done.stdout.decode("utf-8", "replace").splitlines() if ":" in line
        )
        return f"rspamd: {told.get('Action', '?').strip()}, {told.get('Score', '?').strip()}"

    return judge
