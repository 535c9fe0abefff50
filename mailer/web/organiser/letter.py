"""One letter to be looked at, whoever wrote it: its HTML in a frame that can do nothing, its bytes as a file."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote

from fastapi.responses import HTMLResponse, Response

from mailer.accounts import Visitor
from mailer.agenda.attachments import OCTETS
from mailer.composition.links import without_tokens
from mailer.outbox.roles import Role

IN_A_FRAME: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
            "style-src 'unsafe-inline'; frame-ancestors 'self'"
        ),
        "X-Frame-Options": "SAMEORIGIN",
    }
)
"""What is shown so runs nothing and fetches nothing; its links open in a window of their own."""

_HEAD = re.compile(r"<head(\s[^>]*)?>", re.IGNORECASE)
_BASE = '<base target="_blank" rel="noreferrer">'

_NOT_PLAIN = re.compile(r'[?"\\]')
"""What ends a quoted string or begins a quoted pair (RFC 9110 5.6.4), and what stands for all that is not ASCII."""


def in_a_frame(source: str, by: Visitor) -> HTMLResponse:
    """The HTML part as it is for whoever looks, its links made to open outside the frame; nothing else is altered."""
    shown = _HEAD.sub(lambda found: found[0] + _BASE, text_as_seen_by(by, source), count=1)
    return HTMLResponse(shown, headers=dict(IN_A_FRAME))


def text_as_seen_by(visitor: Visitor, text: str) -> str:
    """A letter's text for whoever looks. A personal link lets its bearer answer for its reader: who may not change
    anything about people sees it without.
    """
    return text if visitor.may(Role.ORGANISER) else without_tokens(text)


def as_file(raw: bytes, number: int) -> Response:
    """The whole of it, as it goes over the line."""
    headers = {"Content-Disposition": f'attachment; filename="letter-{number}.eml"'}
    return Response(raw, media_type="message/rfc822", headers=headers)


def to_keep(name: str, content: bytes) -> Response:
    """A file, to be kept and not to be shown, whatever is in it."""
    headers = {"Content-Disposition": _as_attachment(name), "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type=OCTETS, headers=headers)


def _as_attachment(name: str) -> str:
    """RFC 6266 4.3: the name in ASCII for old browsers, and as it is for all others (RFC 8187)."""
    plain = _NOT_PLAIN.sub("_", name.encode("ascii", "replace").decode())
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
