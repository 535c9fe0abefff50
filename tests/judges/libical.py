"""libical 3 as judge: the cardinalities RFC 5546 sets for each METHOD, and the values' grammar.

Debian's library, called through ctypes: neither a compiler nor headers are needed.
"""

import ctypes
from collections.abc import Iterator, Sequence
from functools import lru_cache

_SIGNATURES = {
    "icalerror_set_errors_are_fatal": (None, [ctypes.c_int]),
    "icalparser_parse_string": (ctypes.c_void_p, [ctypes.c_char_p]),
    "icalrestriction_check": (ctypes.c_int, [ctypes.c_void_p]),
    "icalcomponent_as_ical_string": (ctypes.c_char_p, [ctypes.c_void_p]),
    "icalcomponent_free": (None, [ctypes.c_void_p]),
}


def missing() -> str | None:
    return None if _library() else "libical 3 is not installed: install the Debian package libical3"


def judge(raws: Sequence[bytes]) -> list[list[str]]:
    return [list(_faults(raw)) for raw in raws]


def _faults(raw: bytes) -> Iterator[str]:
    """What libical notes: it writes each fault into the component, as a property X-LIC-ERROR."""
    library = _library()
    assert library, missing()
    component = library.icalparser_parse_string(raw)
    if not component:
        yield "not parsed"
        return
    try:
        passed = bool(library.icalrestriction_check(component))
        written = library.icalcomponent_as_ical_string(component).decode(errors="replace")
    finally:
        library.icalcomponent_free(component)
    notes = [line for line in written.replace("\r\n ", "").split("\r\n") if line.startswith("X-LIC-ERROR")]
    yield from notes
    if not passed and not notes:
        yield "restrictions not kept"


@lru_cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libical.so.3")
    except OSError:
        return None
    for name, (returns, takes) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = returns, takes
    library.icalerror_set_errors_are_fatal(0)
    return library
