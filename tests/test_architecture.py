"""The house keeps its order: who may know whom, where each outside library lives, who may read the clock.

The order is written here as tables; `ARCHITECTURE.md` tells the same in sentences. A new module or library fails
until somebody has said where it belongs.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from mailer.settings import ROOT

MAY_KNOW: Mapping[str, tuple[str, ...]] = {
    "mailer.errors": (),
    "mailer.clock": (),
    "mailer.wallclock": (),
    "mailer.keeping": (),
    "mailer.keyed": (),
    "mailer.recipients": ("mailer.errors", "mailer.wallclock"),
    "mailer.agenda": ("mailer.errors", "mailer.recipients.audience", "mailer.wallclock"),
    "mailer.planning": (
        "mailer.agenda.changes",
        "mailer.agenda.model",
        "mailer.agenda.rules",
        "mailer.agenda.upkeep",
        "mailer.keyed",
        "mailer.wallclock",
        "mailer.recipients.audience",
        "mailer.recipients.model",
    ),
    "mailer.composition": (
        "mailer.agenda.model",
        "mailer.agenda.rules",
        "mailer.agenda.upkeep",
        "mailer.recipients.model",
        "mailer.errors",
    ),
    "mailer.importing": ("mailer.recipients", "mailer.errors"),
    "mailer.listing": (
        "mailer.agenda.model",
        "mailer.importing",
        "mailer.outbox",
        "mailer.planning.due",
        "mailer.recipients",
        "mailer.errors",
    ),
    "mailer.person": (
        "mailer.agenda",
        "mailer.outbox",
        "mailer.planning.due",
    ),
    "mailer.delegations": (
        "mailer.lately",
        "mailer.outbox",
        "mailer.recipients",
    ),
    "mailer.outbox": (
        "mailer.agenda.model",
        "mailer.agenda.rules",
        "mailer.agenda.upkeep",
        "mailer.planning.due",
        "mailer.planning.entries",
        "mailer.recipients.model",
        "mailer.keeping",
        "mailer.errors",
    ),
    "mailer.delivery": ("mailer.outbox.letter", "mailer.keeping", "mailer.errors"),
    "mailer.inbox": ("mailer.errors",),
    "mailer.written": ("mailer.errors",),
    "mailer.mailservers": (
        "mailer.composition.dkim",
        "mailer.composition.links",
        "mailer.delivery.profiles",
        "mailer.delivery.relay",
        "mailer.delivery.token_endpoint",
        "mailer.inbox",
        "mailer.written",
        "mailer.errors",
    ),
    "mailer.settings": (
        "mailer.composition.dkim",
        "mailer.delivery.profiles",
        "mailer.delivery.relay",
        "mailer.inbox",
        "mailer.keeping",
        "mailer.mailservers",
        "mailer.written",
        "mailer.errors",
    ),
    "mailer.dispatch": (
        "mailer.agenda.model",
        "mailer.agenda.upkeep",
        "mailer.composition",
        "mailer.delivery",
        "mailer.outbox",
        "mailer.wallclock",
        "mailer.errors",
    ),
    "mailer.dispatch.crew": ("mailer.dispatch", "mailer.settings"),
    "mailer.witnesses": ("mailer.inbox", "mailer.outbox", "mailer.errors"),
    "mailer.settling": (
        "mailer.calendars",
        "mailer.agenda.model",
        "mailer.composition",
        "mailer.outbox",
        "mailer.witnesses",
        "mailer.errors",
    ),
    "mailer.mending": (
        "mailer.releasing",
        "mailer.agenda",
        "mailer.calendars",
        "mailer.composition",
        "mailer.confirming",
        "mailer.lately",
        "mailer.outbox",
        "mailer.planning",
        "mailer.recipients.model",
        "mailer.service",
        "mailer.errors",
    ),
    "mailer.confirming": ("mailer.agenda", "mailer.planning", "mailer.outbox"),
    "mailer.calendars": ("mailer.agenda", "mailer.planning", "mailer.outbox"),
    "mailer.judging": ("mailer.inbox", "mailer.outbox"),
    "mailer.collecting": (
        "mailer.composition",
        "mailer.inbox",
        "mailer.judging",
        "mailer.outbox",
        "mailer.errors",
    ),
    "mailer.forwarding": (
        "mailer.agenda.model",
        "mailer.composition",
        "mailer.delivery",
        "mailer.inbox",
        "mailer.judging",
        "mailer.outbox",
        "mailer.errors",
    ),
    "mailer.service": (
        "mailer.listing",
        "mailer.releasing",
        "mailer.calendars",
        "mailer.confirming",
        "mailer.agenda",
        "mailer.recipients",
        "mailer.planning",
        "mailer.composition",
        "mailer.outbox",
        "mailer.delivery",
        "mailer.dispatch",
        "mailer.settling",
        "mailer.witnesses",
        "mailer.errors",
    ),
    "mailer.accounts": ("mailer.outbox", "mailer.errors"),
    "mailer.auditing": ("mailer.lately", "mailer.outbox"),
    "mailer.publishing": (
        "mailer.agenda",
        "mailer.calendars",
        "mailer.composition",
        "mailer.planning",
        "mailer.outbox",
        "mailer.delivery.profiles",
        "mailer.dossier",
        "mailer.lately",
        "mailer.mending",
        "mailer.planned",
        "mailer.errors",
    ),
    "mailer.drafting": (
        "mailer.agenda",
        "mailer.composition",
        "mailer.lately",
        "mailer.outbox",
        "mailer.delivery.profiles",
        "mailer.dossier",
        "mailer.publishing",
        "mailer.releasing",
        "mailer.service",
        "mailer.errors",
    ),
    "mailer.exporting": (
        "mailer.agenda",
        "mailer.composition.wording",
        "mailer.recipients.model",
        "mailer.recipients.writing",
        "mailer.errors",
    ),
    "mailer.approving": (
        "mailer.agenda.model",
        "mailer.composition.wording",
        "mailer.recipients.audience",
        "mailer.recipients.model",
    ),
    "mailer.releasing": (
        "mailer.agenda.model",
        "mailer.approving",
        "mailer.composition.wording",
        "mailer.lately",
        "mailer.outbox",
        "mailer.planning",
        "mailer.recipients.model",
        "mailer.errors",
    ),
    "mailer.feasibility": ("mailer.delivery.forecast", "mailer.delivery.profiles"),
    "mailer.planned": (
        "mailer.agenda.model",
        "mailer.planning",
        "mailer.outbox",
        "mailer.delivery.profiles",
        "mailer.feasibility",
    ),
    "mailer.outlook": (
        "mailer.agenda.model",
        "mailer.outbox",
        "mailer.delivery.forecast",
        "mailer.delivery.profiles",
        "mailer.delivery.retrying",
        "mailer.lately",
        "mailer.standing",
    ),
    "mailer.holding": ("mailer.outbox", "mailer.errors"),
    "mailer.resending": ("mailer.outbox", "mailer.errors"),
    "mailer.attention": ("mailer.outbox",),
    "mailer.answer_sheet": (
        "mailer.agenda",
        "mailer.listing",
        "mailer.outbox",
        "mailer.planning.due",
        "mailer.recipients.writing",
    ),
    "mailer.lately": ("mailer.errors",),
    "mailer.standing": (
        "mailer.agenda",
        "mailer.planning",
        "mailer.outbox",
        "mailer.lately",
        "mailer.errors",
    ),
    "mailer.replies": (
        "mailer.agenda.model",
        "mailer.outbox",
        "mailer.recipients.model",
        "mailer.lately",
    ),
    "mailer.dossier": (
        "mailer.agenda",
        "mailer.recipients",
        "mailer.planning",
        "mailer.composition",
        "mailer.errors",
    ),
    "mailer.parts": (
        "mailer.collecting",
        "mailer.composition",
        "mailer.forwarding",
        "mailer.judging",
        "mailer.outbox",
        "mailer.delivery",
        "mailer.dispatch",
        "mailer.inbox",
        "mailer.service",
        "mailer.settings",
        "mailer.witnesses",
        "mailer.errors",
    ),
    "mailer.heartbeat": (
        "mailer.outbox",
        "mailer.dispatch.desk",
        "mailer.service",
        "mailer.parts",
        "mailer.errors",
    ),
    "mailer.opening": (
        "mailer.agenda",
        "mailer.recipients",
        "mailer.composition",
        "mailer.outbox",
        "mailer.delivery.tray",
        "mailer.service",
        "mailer.dossier",
        "mailer.parts",
        "mailer.settings",
        "mailer.starting",
        "mailer.errors",
    ),
    "mailer.rehearsal": (
        "mailer.agenda",
        "mailer.recipients",
        "mailer.composition",
        "mailer.outbox",
        "mailer.delivery",
        "mailer.service",
        "mailer.errors",
    ),
    "mailer.starting": (
        "mailer.agenda.model",
        "mailer.composition.dkim",
        "mailer.delivery.relay",
        "mailer.dossier",
        "mailer.publishing",
        "mailer.errors",
    ),
    "mailer.film": (
        "mailer.agenda",
        "mailer.composition",
        "mailer.planning.due",
        "mailer.lately",
        "mailer.rehearsal",
        "mailer.errors",
    ),
    "mailer.errand": (
        "mailer.accounts",
        "mailer.approving",
        "mailer.calendars",
        "mailer.mending",
        "mailer.agenda",
        "mailer.recipients",
        "mailer.planning",
        "mailer.composition",
        "mailer.outbox",
        "mailer.delivery",
        "mailer.service",
        "mailer.standing",
        "mailer.outlook",
        "mailer.planned",
        "mailer.releasing",
        "mailer.replies",
        "mailer.holding",
        "mailer.dossier",
        "mailer.exporting",
        "mailer.mailings",
        "mailer.opening",
        "mailer.parts",
        "mailer.publishing",
        "mailer.settings",
        "mailer.witnesses",
        "mailer.errors",
        "mailer.wallclock",
    ),
    "mailer.terminal": (
        "mailer.agenda",
        "mailer.calendars",
        "mailer.composition",
        "mailer.planning",
        "mailer.outbox",
        "mailer.delivery",
        "mailer.dossier",
        "mailer.errand",
        "mailer.outlook",
        "mailer.planned",
        "mailer.publishing",
        "mailer.rehearsal",
        "mailer.releasing",
        "mailer.standing",
        "mailer.errors",
    ),
    "mailer.linting": (
        "mailer.agenda.attachments",
        "mailer.agenda.model",
        "mailer.composition",
        "mailer.recipients.model",
    ),
    "mailer.mailings": (
        "mailer.agenda",
        "mailer.composition",
        "mailer.delivery.envelope",
        "mailer.delivery.outcome",
        "mailer.drafting",
        "mailer.keyed",
        "mailer.lately",
        "mailer.outbox",
        "mailer.planning",
        "mailer.recipients",
        "mailer.releasing",
        "mailer.service",
        "mailer.errors",
    ),
    "mailer.web": (
        "mailer.accounts",
        "mailer.auditing",
        "mailer.lately",
        "mailer.film",
        "mailer.holding",
        "mailer.starting",
        "mailer.rehearsal",
        "mailer.calendars",
        "mailer.drafting",
        "mailer.linting",
        "mailer.mailings",
        "mailer.releasing",
        "mailer.resending",
        "mailer.agenda",
        "mailer.delegations",
        "mailer.importing",
        "mailer.listing",
        "mailer.person",
        "mailer.answer_sheet",
        "mailer.attention",
        "mailer.collecting",
        "mailer.holding",
        "mailer.service",
        "mailer.settling",
        "mailer.recipients",
        "mailer.planning",
        "mailer.composition",
        "mailer.outbox",
        "mailer.delivery.profiles",
        "mailer.delivery.tray",
        "mailer.outlook",
        "mailer.replies",
        "mailer.standing",
        "mailer.wallclock",
        "mailer.errors",
    ),
    "mailer.furnishing": (
        "mailer.errand",
        "mailer.agenda.model",
        "mailer.composition.wording",
        "mailer.opening",
        "mailer.outbox.database",
        "mailer.parts",
        "mailer.settings",
        "mailer.web.office",
    ),
    "schedule": ("mailer",),
    "mailer.accounts_cli": ("mailer",),
    "mailer.replies_cli": ("mailer",),
    "mailer.inbox_cli": ("mailer",),
    "mailer.letters_cli": ("mailer",),
    "mailer.links_cli": ("mailer",),
    "mailer.ledger_cli": ("mailer",),
    "mailer.cli": ("mailer", "schedule"),
    "mailer.__main__": ("mailer.cli",),
}
"""Every part of the house and what it may import besides itself; a name stands for all that is below it."""

HOMES: Mapping[str, tuple[str, ...]] = {
    "aiosmtpd": ("mailer.delivery.tray",),
    "alembic": ("mailer.outbox.database", "mailer.outbox.migrations"),
    "anyio": ("mailer.web.organiser.door",),
    "apscheduler": ("mailer.heartbeat",),
    "tzdata": ("mailer.wallclock",),
    "argon2": ("mailer.accounts",),
    "babel": ("mailer.recipients", "mailer.composition", "mailer.web.moments"),
    "charset_normalizer": ("mailer.recipients.decoding",),
    "cryptography": ("mailer.composition.dkim",),
    "dotenv": ("mailer.settings",),
    "email_validator": ("mailer.agenda.reading", "mailer.recipients.cells", "mailer.written"),
    "fastapi": ("mailer.web",),
    "flufl": ("mailer.inbox.bounces",),
    "icalendar": ("mailer.composition.ical", "mailer.inbox.replies"),
    "imapclient": ("mailer.inbox.mailbox", "mailer.inbox.sent"),
    "jinja2": ("mailer.composition.fence", "mailer.composition.sandbox", "mailer.web.pages"),
    "pydantic": (
        "mailer.agenda",
        "mailer.recipients.model",
        "mailer.web.organiser.people",
        "mailer.web.api.shapes",
        "mailer.web.organiser.replies",
        "mailer.web.organiser.status",
    ),
    "pydantic_core": (
        "mailer.accounts_cli",
        "mailer.agenda.document",
        "mailer.cli",
        "mailer.inbox_cli",
        "mailer.letters_cli",
        "mailer.links_cli",
        "mailer.ledger_cli",
    ),
    "pyotp": ("mailer.accounts",),
    "python_calamine": ("mailer.recipients.sheets",),
    "pysqlite3": ("mailer.outbox.database",),
    "rich": (
        "mailer.terminal",
        "mailer.inbox_cli",
        "mailer.ledger_cli",
        "mailer.letters_cli",
        "mailer.replies_cli",
    ),
    "segno": ("mailer.web.organiser.account",),
    "sqlalchemy": ("mailer.outbox",),
    "sqlite3": ("mailer.delivery.tray",),
    "starlette": ("mailer.web",),
    "typer": (
        "mailer.accounts_cli",
        "mailer.cli",
        "mailer.inbox_cli",
        "mailer.ledger_cli",
        "mailer.letters_cli",
        "mailer.links_cli",
    ),
    "uvicorn": ("mailer.web.serving",),
    "zoneinfo": (
        "mailer.wallclock",
        "mailer.agenda",
        "mailer.planning.timing",
        "mailer.composition",
        "mailer.errand",
        "mailer.terminal",
        "mailer.web",
    ),
}
"""Every library from outside, and those of Python's own that matter here, with the modules that speak to it."""

WATCHED = frozenset({"smtplib", "sqlite3", "zoneinfo"})

READS_THE_CLOCK = ("mailer.parts",)
MAY_ASK_FOR_THE_CLOCK = ("schedule", "mailer.cli", "mailer.errand", "mailer.parts", "mailer.web")
LOADS_SETTINGS = ("schedule", "mailer.cli", "mailer.errand")
READS_THE_ENVIRONMENT = ("mailer.settings",)

NAMELESS = frozenset({"utils", "util", "common", "helpers", "helper", "base", "core", "misc"})


@dataclass(frozen=True, kw_only=True)
class Module:
    """One source file: its dotted name, its tree, and whether its name is a package's."""

    name: str
    tree: ast.Module
    is_package: bool = False


@cache
def house() -> dict[str, Module]:
    """Every module of the program by its name."""
    paths = [*(ROOT / "mailer").rglob("*.py"), ROOT / "schedule.py"]
    return {module.name: module for module in map(_module, paths)}


def _module(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    tree = ast.parse(path.read_text("utf-8"), str(path))
    return Module(name=".".join(parts[:-1] if is_package else parts), tree=tree, is_package=is_package)


def imports(module: Module) -> Iterator[str]:
    """What a module imports anywhere in it, as dotted names: `a.b` for `from a import b` where that is a module."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{module.name}:{node.lineno} imports relatively"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in house() else node.module


def own_imports(module: Module) -> set[str]:
    return {name for name in imports(module) if name.partition(".")[0] in {"mailer", "schedule"}}


def outside_imports(module: Module) -> set[str]:
    roots = {name.partition(".")[0] for name in imports(module)} - {"mailer", "schedule"}
    return {root for root in roots if root in WATCHED or root not in sys.stdlib_module_names}


def is_below(name: str, *places: str) -> bool:
    """Whether a module is one of these places or stands under one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def part_of(name: str) -> str:
    """The part of the house a module belongs to; nothing where the table has none."""
    return max((part for part in MAY_KNOW if is_below(name, part)), key=len, default="")


def strangers(module: Module) -> set[str]:
    """What a module imports of the house though its part may not know it."""
    part = part_of(module.name)
    return {each for each in own_imports(module) if not is_below(each, part, *MAY_KNOW[part])}


def calls(module: Module) -> Iterator[tuple[str, ...]]:
    """Every call by its dotted names, such as `("datetime", "now")`."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and (names := _dotted(node.func)):
            yield names


def _dotted(node: ast.expr) -> tuple[str, ...]:
    match node:
        case ast.Name(id=name):
            return (name,)
        case ast.Attribute(value=value, attr=name) if names := _dotted(value):
            return (*names, name)
    return ()


_CLOCKS = frozenset(
    {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}
    | {("time", name) for name in ("time", "time_ns", "monotonic", "localtime", "gmtime", "perf_counter")}
)


def reads_the_clock(module: Module) -> bool:
    return any(names[-2:] in _CLOCKS for names in calls(module))


def loads_settings(module: Module) -> bool:
    """Whether it calls `load` of `mailer.settings`, under whatever name."""
    known: set[tuple[str, ...]] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = alias.asname or alias.name
                if (node.module, alias.name) == ("mailer", "settings"):
                    known.add((name, "load"))
                elif (node.module, alias.name) == ("mailer.settings", "load"):
                    known.add((name,))
    return any(names in known for names in calls(module))


def planted(source: str, name: str = "mailer.planning.planted") -> Module:
    """A module that was never written, to see that a check would notice it."""
    return Module(name=name, tree=ast.parse(source))


@pytest.mark.parametrize("name", sorted(house()))
def test_a_module_knows_only_what_its_part_may_know(name: str) -> None:
    if house()[name].is_package:
        assert not house()[name].tree.body, "an __init__.py is empty: nobody imports from a package's face"
        return
    assert part_of(name), f"say in MAY_KNOW what {name} may know"
    assert strangers(house()[name]) == set()


def test_every_permission_is_for_something_that_is_there() -> None:
    named = {*MAY_KNOW, *(each for known in MAY_KNOW.values() for each in known)}
    named |= {each for homes in HOMES.values() for each in homes}
    assert named <= house().keys()


def test_a_stranger_is_noticed() -> None:
    assert strangers(planted("from mailer.composition import ical")) == {"mailer.composition.ical"}
    assert strangers(planted("def late():\n    import mailer.service")) == {"mailer.service"}
    assert strangers(planted("from mailer.outbox.claims import claim", "mailer.delivery.planted")) == {
        "mailer.outbox.claims"
    }


def test_nobody_imports_in_a_circle() -> None:
    graph = {name: own_imports(module) for name, module in house().items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' <- '.join(error.args[1])}")


@pytest.mark.parametrize(
    ("name", "library"),
    [(name, library) for name in sorted(house()) for library in sorted(outside_imports(house()[name]))],
)
def test_a_library_is_spoken_to_only_in_its_home(name: str, library: str) -> None:
    assert library in HOMES, f"say in HOMES where {library} lives"
    assert is_below(name, *HOMES[library])


def test_every_home_is_lived_in() -> None:
    used = {
        home
        for module in house().values()
        for library in outside_imports(module)
        for home in HOMES.get(library, ())
        if is_below(module.name, home)
    }
    assert used == {home for homes in HOMES.values() for home in homes}
    assert set().union(*map(outside_imports, house().values())) == HOMES.keys()


@pytest.mark.parametrize("name", sorted(house()))
def test_time_is_an_argument(name: str) -> None:
    module = house()[name]
    assert not reads_the_clock(module) or is_below(name, *READS_THE_CLOCK)
    asks = any(names[-1] == "utc_now" for names in calls(module))
    assert not asks or is_below(name, *MAY_ASK_FOR_THE_CLOCK)


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import UTC, datetime\nnow = datetime.now(UTC)",
        "import datetime\nnow = datetime.datetime.utcnow()",
        "from datetime import date\nday = date.today()",
        "import time\nsince = time.time()",
        "import time\nsince = time.monotonic()",
    ],
)
def test_a_look_at_the_clock_is_noticed(source: str) -> None:
    assert reads_the_clock(planted(source))


@pytest.mark.parametrize("name", sorted(house()))
def test_settings_are_loaded_at_the_doors_alone(name: str) -> None:
    module = house()[name]
    assert not loads_settings(module) or is_below(name, *LOADS_SETTINGS)
    names = {_dotted(node) for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
    reads = names & {("os", "environ"), ("os", "getenv")}
    assert not reads or is_below(name, *READS_THE_ENVIRONMENT)


@pytest.mark.parametrize(
    "source",
    [
        "from mailer import settings\nsettings.load()",
        "from mailer import settings as environment\nenvironment.load()",
        "from mailer.settings import load as read\nread()",
    ],
)
def test_loading_settings_is_noticed(source: str) -> None:
    assert loads_settings(planted(source))


def test_names_say_what_is_inside() -> None:
    folders = (ROOT / "mailer", ROOT / "tests")
    names = {part for folder in folders for path in folder.rglob("*.py") for part in _words(path)}
    assert names & NAMELESS == set()


def _words(path: Path) -> set[str]:
    return {*path.relative_to(ROOT).with_suffix("").parts, path.stem.removeprefix("test_")}
