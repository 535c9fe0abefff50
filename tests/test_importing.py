"""What a file would change about the list."""

from mailer.errors import Problem
from mailer.importing import Change, Missing, Proposal, proposal, refused_rows
from mailer.recipients.cells import COLUMNS
from mailer.recipients.model import Recipient, Role
from mailer.recipients.reading import Reading

ANA = Recipient(
    address="ana@x.example",
    given_name="Ana",
    family_name="Novak",
    role=Role.PRACTITIONER,
    sessions=("session-1",),
)
EVA = Recipient(address="eva@x.example", given_name="Eva", family_name="Muster", role=Role.EXPERT)
LEO = Recipient(address="leo@x.example", given_name="Leo", family_name="Tolle", role=Role.FOCAL_POINT)
ALL = tuple(COLUMNS)


def read(*found: Recipient, problems: tuple[Problem, ...] = (), is_whole: bool = True) -> Reading:
    rows = tuple(range(2, len(found) + 2))
    return Reading(file="l.csv", recipients=found, rows=rows, problems=problems, is_whole=is_whole)


def test_who_is_new_who_changed_who_is_the_same() -> None:
    moved = ANA.model_copy(update={"address": "Ana@x.example", "sessions": ("session-1", "session-2")})
    found = proposal([ANA, EVA], read(moved, EVA, LEO), Missing.NOBODY, ALL)

    change = Change(
        now=moved,
        fields={
            "address": ("ana@x.example", "Ana@x.example"),
            "sessions": ("session-1", "session-1|session-2"),
        },
    )
    assert found == Proposal(added=(LEO,), changed=(change,), same=1)
    assert (found.said, found.gone) == ([LEO, moved], [])
    assert found.summary == "1 added, 1 changed, 1 as they were"


def test_who_leaves_is_chosen() -> None:
    def gone(missing: Missing) -> list[str]:
        return proposal([ANA, EVA, LEO], read(ANA), missing, ALL).gone

    assert gone(Missing.NOBODY) == gone(Missing.PRACTITIONERS) == gone(Missing.SPEAKERS) == []
    assert gone(Missing.EXPERTS) == [EVA.address]
    assert gone(Missing.FOCAL_POINTS) == [LEO.address]
    assert gone(Missing.EVERYBODY) == [EVA.address, LEO.address]


def test_what_the_file_has_no_column_for_stays_as_it_is() -> None:
    said = Recipient(address="ana@x.example", given_name="Anna", family_name="Novak", role=Role.FOCAL_POINT)
    found = proposal([ANA], read(said), Missing.NOBODY, ("email", "given_name", "family_name", ""))

    assert [each.now for each in found.changed] == [ANA.model_copy(update={"given_name": "Anna"})]


def test_refused_rows_are_counted_and_those_of_one_row_once() -> None:
    problems = tuple(
        Problem(file="l.csv", row=row, field=field, message="is wrong", warning=is_doubt)
        for row, field, is_doubt in (
            (7, "email", False),
            (7, "state", False),
            (9, "role", False),
            (3, "title", True),
        )
    )
    found = proposal([], read(ANA, problems=problems), Missing.NOBODY, ALL)

    assert (found.refused_rows, len(found.refused), len(found.doubts)) == (2, 3, 1)
    assert found.may_be_taken
    assert found.added == (ANA,)


def test_somebody_twice_in_the_file_is_one_and_told() -> None:
    found = proposal([], read(ANA, ANA.model_copy(update={"tags": ("press",)})), Missing.NOBODY, ALL)

    assert [each.tags for each in found.added] == [("press",)]
    assert [each.row for each in found.doubts] == [3]


def test_what_was_not_read_to_its_end_may_not_be_taken() -> None:
    assert not proposal([], read(ANA, is_whole=False), Missing.NOBODY, ALL).may_be_taken


def test_nothing_new_is_nothing() -> None:
    found = proposal([ANA], read(ANA), Missing.EVERYBODY, ALL)

    assert found.changes_nothing
    assert Proposal().summary == "nothing"


def test_a_row_with_several_faults_is_one_and_a_doubt_is_none() -> None:
    def problem(row: int, field: str, *, warning: bool = False) -> Problem:
        return Problem(file="l.csv", row=row, field=field, message="x", warning=warning)

    found = [problem(3, "email"), problem(3, "role"), problem(4, "email"), problem(5, "title", warning=True)]
    assert refused_rows(found) == 2
    assert refused_rows([]) == 0
