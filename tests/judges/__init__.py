"""Judges of calendar files: other people's parsers and programs, and a lint for what none of them looks at."""

from collections.abc import Callable

from tests.judges import horde, icaljs, kcalendarcore, libical, lint, strict
from tests.judges.reading import Judge, Program, Reader

PROGRAMS: dict[str, Program] = {"KCalendarCore": kcalendarcore, "Horde": horde}

ALL: dict[str, Judge] = {
    "lint": lint,
    "libical": libical,
    "ical.js": icaljs,
    "ical and vobject": strict,
    **PROGRAMS,
}

READERS: dict[str, Reader] = {
    "ical.js": icaljs.read,
    "ical": strict.read_ical,
    "vobject": strict.read_vobject,
    "icalendar": strict.read_icalendar,
    **{name: program.read for name, program in PROGRAMS.items()},
}

MISREADINGS: dict[str, Callable[[str], str]] = {"Horde": horde.misread}
"""What a reader is known to make of a text that was written rightly."""
