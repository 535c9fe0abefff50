"""What may be attached to a mailing: its name, its kind, how much of it. Pure: files are read in `folder`.

A file is named by its path below the folder of the agenda file; its reader sees the last part of that.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from mimetypes import MimeTypes
from pathlib import PurePosixPath

from mailer.agenda.model import Attachment, Event

MOST = 5
"""Attachments of one mailing."""

LARGEST = 7_000_000
"""Bytes of all attachments of one letter. Base64 makes 78 octets of 57 (RFC 2045 6.8), so 9.6 MB of these; Postfix
takes 10.24 MB unless it is told otherwise (message_size_limit, postconf(5)), and few mail servers take less.
"""

LARGEST_OF_AN_EVENT = 50_000_000
"""Bytes of all different attachments of an event: all of them are kept in memory while letters leave."""


def megabytes(size: int) -> str:
    """`12 kB`, `1.5 MB`: as people say it, in powers of ten."""
    if size < 1000:
        return f"{size} bytes"
    if size < 1_000_000:
        return f"{size / 1000:.0f} kB"
    return f"{size / 1_000_000:.1f}".removesuffix(".0") + " MB"


WHOLE_EVENT = f"all files of an event are {megabytes(LARGEST_OF_AN_EVENT)} at most"

LONGEST_NAME = 120
LONGEST_PATH = 240

REFUSED = frozenset(
    [
        "ade",
        "adp",
        "apk",
        "app",
        "appx",
        "appxbundle",
        "bat",
        "cab",
        "chm",
        "cmd",
        "com",
        "cpl",
        "deb",
        "diagcab",
        "diagcfg",
        "dll",
        "dmg",
        "exe",
        "hta",
        "img",
        "ins",
        "iso",
        "isp",
        "jar",
        "jnlp",
        "js",
        "jse",
        "lib",
        "lnk",
        "mde",
        "mjs",
        "msc",
        "msi",
        "msix",
        "msp",
        "mst",
        "nsh",
        "pif",
        "ps1",
        "rpm",
        "scr",
        "sct",
        "shb",
        "sh",
        "svg",
        "sys",
        "url",
        "vb",
        "vbe",
        "vbs",
        "vhd",
        "vxd",
        "wsc",
        "wsf",
        "wsh",
        "xll",
        "docm",
        "dotm",
        "xlsm",
        "xltm",
        "pptm",
        "potm",
        "htm",
        "html",
        "mht",
        "mhtml",
        "shtml",
        "xht",
        "xhtml",
        "eml",
    ]
)
"""Kinds that mail systems refuse or lay aside: programs and scripts (Gmail's list of blocked file types), documents
with macros, pages that run in a browser, and whole mails.
"""

CALENDARS = frozenset({"ics", "ical", "ifb", "vcs"})
"""Kinds that calendars take for an entry: of two in one letter some show only the last."""

OCTETS = "application/octet-stream"

_KINDS = {
    "csv": "text/csv",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "odp": "application/vnd.oasis.opendocument.presentation",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "rtf": "application/rtf",
    "webp": "image/webp",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}
"""Media types that the standard library does not know in all of its releases."""

_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f-\x9f]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_JOINERS = "\u200c\u200d"  # letters of some scripts are joined by them, or not


def attachment(file: str, content: bytes) -> Attachment:
    """What is kept of a file, besides its content."""
    return Attachment(
        file=file,
        media_type=media_type(file, content),
        size=len(content),
        digest=hashlib.sha256(content).hexdigest(),
    )


def media_type(name: str, content: bytes) -> str:
    """By the name's ending, the same on every machine. Text that is UTF-8 says so, and any other is sent as octets."""
    found, encoding = MimeTypes().guess_type(f"file.{_ending(name)}")
    kind = _KINDS.get(_ending(name)) or (found if found and not encoding else OCTETS)
    if kind.startswith("text/"):
        return f'{kind}; charset="utf-8"' if _is_text(content) else OCTETS
    return OCTETS if kind.startswith(("message/", "multipart/")) else kind


def problems_of_path(file: str) -> Iterator[str]:
    """Why a file cannot be attached under this path, whatever it holds."""
    if not file.strip():
        yield "is empty"
        return
    if file.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", file):
        yield "is to be named from the folder of the agenda file on, and lie below it"
        return
    parts = file.split("/")
    if ".." in parts:
        yield "lies outside of the folder of the agenda file"
    elif any(part in {"", "."} for part in parts) or len(file) > LONGEST_PATH:
        yield f"is not a path of at most {LONGEST_PATH} characters, like papers/programme.pdf"
    else:
        yield from (problem for part in parts for problem in _problems_of_name(part))
    yield from _problems_of_kind(file)


def problems_of(attached: Sequence[Attachment]) -> Iterator[str]:
    """Why these cannot be the attachments of one mailing."""
    if len(attached) > MOST:
        yield f"are {len(attached)} files; a mailing has at most {MOST}"
    names = Counter(each.name.casefold() for each in attached)
    for name in (name for name, times in names.items() if times > 1):
        yield f"{name!r} is the name of two of them"
    whole = sum(each.size for each in attached)
    if whole > LARGEST:
        yield f"are {megabytes(whole)} in all; a letter carries {megabytes(LARGEST)}: many mail servers take no more"


def problems_among(attached: Mapping[str, Sequence[Attachment]]) -> Iterator[tuple[str, str]]:
    """Why these cannot be all the attachments of an event: (where, why), by where they are named."""
    first: dict[str, Attachment] = {}
    sizes: dict[str, int] = {}
    for place, each in ((place, each) for place, some in attached.items() for each in some):
        known = first.setdefault(each.file.casefold(), each)
        if known.digest != each.digest or known.file != each.file:
            yield place, f"{each.file!r} is the path of another file, too"
        sizes[each.digest] = each.size
        if sum(sizes.values()) > LARGEST_OF_AN_EVENT:
            yield place, f"{each.file!r} is too much: {WHOLE_EVENT}"
            return


def place_for(event: Event, mailing: str, name: str) -> str:
    """The path that a file gets which somebody handed in: that of the file it replaces, if no other mailing has that;
    else one of its own.
    """
    elsewhere = {each.file for other in event.mailings if other.key != mailing for each in other.attachments}
    for each in event.mailing(mailing).attachments:
        if each.name.casefold() == name.casefold() and each.file not in elsewhere:
            return each.file
    return f"{event.key}/{mailing}/{name}"


def _problems_of_name(name: str) -> Iterator[str]:
    shown = [each for each in name if unicodedata.category(each)[0] != "C" or each in _JOINERS]
    if len(shown) < len(name):
        yield "holds characters that are not to be seen, and could make it look like another"
    elif _UNSAFE.search(name):
        yield 'holds one of \\ : * ? " < > |, which not every system takes in a name'
    elif name != name.strip(" .") or not name.strip():
        yield "begins or ends with a full stop or a blank"
    elif _RESERVED.fullmatch(name):
        yield "is a name that Windows keeps for itself"
    elif len(name) > LONGEST_NAME:
        yield f"has a name of more than {LONGEST_NAME} characters"


def _problems_of_kind(name: str) -> Iterator[str]:
    ending = _ending(name)
    if not ending:
        yield "has no ending, such as .pdf, by which its reader's system would know what it is"
    elif ending in CALENDARS:
        yield f"is a calendar file (.{ending}): what calendars are told is said by `calendar`"
    elif ending in REFUSED:
        yield f"is of a kind (.{ending}) that mail systems refuse"


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix[1:].lower()


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in content
