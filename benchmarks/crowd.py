"""The people whom every contender writes to: invented, always the same, made one by one. Knows nothing of mail."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

_GIVEN = (
    "Ana", "Zoë", "Łukasz", "Marek", "Øystein", "Σοφία", "Иван", "Ayşe", "John", "Mary", "Peter", "Ulla",
    "Dana", "Omar", "Lejla", "Nino", "Karin",
)  # fmt: skip
_FAMILY = (
    "Novak", "Żółtowska", "Smith", "Håkansson", "Παπαδοπούλου", "Петрова", "Yılmaz", "O’Neill", "Berg",
    "Marić", "Kovač", "Jones", "Weiss", "Rossi", "Beridze", "Larsen", "Dubois", "Horvat", "Muller",
)  # fmt: skip
_STATES = ("AT", "BA", "CA", "DE", "ES", "FR", "GE", "IT", "KZ", "NO", "PL", "TR", "UZ")
_ZONES = (None, "Europe/Vienna", "Asia/Almaty", "America/New_York")
_ROLES = ("focal_point", "practitioner", "practitioner", "practitioner", "expert", "speaker")
_TITLES = ("", "Dr", "", "Prof.", "")
_INSTITUTIONS = (
    "Ministry of Justice", "Federal Police", "Public Prosecutor’s Office", "Université de l’État",
    "National Bureau of Investigation", "Académie de police", "Cybercrime Unit",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """One of them. `state` is an ISO 3166-1 alpha-2 code, `timezone` an IANA name or None: the venue's."""

    address: str
    given_name: str
    family_name: str
    title: str
    role: str
    state: str
    institution: str
    timezone: str | None

    @property
    def full_name(self) -> str:
        return " ".join(filter(None, (self.title, self.given_name, self.family_name)))


def person(number: int) -> Person:
    """The person of this number, from 0; the lists' lengths share no divisor, so that few are alike."""
    return Person(
        address=f"delegate-{number}@delegation-{number % 57}.example",
        given_name=_GIVEN[number % len(_GIVEN)],
        family_name=_FAMILY[number % len(_FAMILY)],
        title=_TITLES[number % len(_TITLES)],
        role=_ROLES[number % len(_ROLES)],
        state=_STATES[number % len(_STATES)],
        institution=_INSTITUTIONS[number % len(_INSTITUTIONS)],
        timezone=_ZONES[number % len(_ZONES)],
    )


def people(count: int, first: int = 0) -> Iterator[Person]:
    return map(person, range(first, first + count))


def write(path: Path, count: int) -> None:
    """One JSON object a line, for contenders in whatever language."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in people(count))


def read(path: Path) -> list[Person]:
    return [Person(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]
