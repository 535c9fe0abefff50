"""One letter to be looked at, whoever wrote it: its HTML in a frame that can do nothing, its bytes as a file."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from fastapi.responses import HTMLResponse, Response

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


def in_a_frame(source: str) -> HTMLResponse:
    """The HTML part, its links made to open outside the frame; nothing else is altered."""
    return HTMLResponse(_HEAD.sub(lambda found: found[0] + _BASE, source, count=1), headers=dict(IN_A_FRAME))


def as_file(raw: bytes, number: int) -> Response:
    """The whole of it, as it goes over the line."""
    headers = {"Content-Disposition": f'attachment; filename="letter-{number}.eml"'}
    return Response(raw, media_type="message/rfc822", headers=headers)
