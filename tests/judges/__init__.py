"""Judges of calendar files: other people's parsers, and a lint for what none of them looks at."""

from tests.judges import icaljs, libical, lint, strict
from tests.judges.reading import Judge, Reader

ALL: dict[str, Judge] = {"lint": lint, "libical": libical, "ical.js": icaljs, "ical and vobject": strict}

READERS: dict[str, Reader] = {
    "ical.js": icaljs.read,
    "ical": strict.read_ical,
    "vobject": strict.read_vobject,
    "icalendar": strict.read_icalendar,
}
