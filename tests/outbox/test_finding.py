"""People found by the beginnings of words, on both databases; and that an index finds them."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, event

from mailer.outbox import finding, people
from mailer.outbox.database import Database
from mailer.recipients.model import Recipient, Role
from tests.outbox.world import EVENT, NOW, handle_of, person

ANA = person(1, family_name="Novák-Kovač", institution="Ministry of Justice", state="SI")
LUKASZ = person(
    2, given_name="Łukasz", family_name="Zieliński", role=Role.FOCAL_POINT, state="PL",
    institution="Permanent Mission of Poland",
)  # fmt: skip
HADDAD = person(3, given_name="حداد", family_name="ليلى", institution="وزارة العدل", state="TN")
EVERYBODY = (ANA, LUKASZ, HADDAD)


def save(database: Database, *listed: Recipient) -> None:
    with database.writing() as c:
        people.save_roster(c, EVENT, listed, NOW, handle_of)


def addresses(database: Database, words: str = "", **where: object) -> list[str]:
    with database.reading() as c:
        return [each.recipient.address for each in finding.found(c, EVENT, words, **where)]  # type: ignore[arg-type]


def test_each_word_begins_some_word_of_somebody(database: Database) -> None:
    save(database, *EVERYBODY)
    asked = {
        "": list(EVERYBODY), "ana": [ANA], "NOVAK": [ANA], "kovač": [ANA], "novak-kov": [ANA], "ana just": [ANA],
        "ana pol": [], "ovak": [], "lukasz ziel": [LUKASZ], "Łuk": [LUKASZ], "حد": [HADDAD], "p000002": [LUKASZ],
        "p000001@prosec": [ANA], "prosecution.example": list(EVERYBODY), "role:expert": [], "m": [ANA, LUKASZ],
        "% _ ' \" \\": [ANA, LUKASZ, HADDAD], "state:si": [], "mission mission": [LUKASZ],
    }  # fmt: skip
    for words, those in asked.items():
        expected = [] if words == "% _ ' \" \\" else [each.address for each in those]
        assert addresses(database, words) == expected, words


def test_by_role_and_state(database: Database) -> None:
    save(database, *EVERYBODY)
    assert addresses(database, roles=(Role.FOCAL_POINT,)) == [LUKASZ.address]
    assert addresses(database, roles=(Role.PRACTITIONER, Role.EXPERT)) == [ANA.address, HADDAD.address]
    assert addresses(database, state="SI") == [ANA.address]
    assert addresses(database, "lukasz", state="SI") == []


def test_who_leaves_is_found_no_more_and_who_is_corrected_by_what_is_said_now(database: Database) -> None:
    save(database, *EVERYBODY)
    corrected = ANA.model_copy(update={"family_name": "Horvat"})
    save(database, corrected, HADDAD)
    assert (addresses(database, "novak"), addresses(database, "horvat")) == ([], [ANA.address])
    assert addresses(database, "lukasz") == []
    save(database, *EVERYBODY)
    assert addresses(database, "lukasz") == [LUKASZ.address]


def test_some_are_changed_and_the_others_stay(database: Database) -> None:
    save(database, *EVERYBODY)
    new = person(9, family_name="Late")
    with database.writing() as c:
        change = people.save_some(
            c, EVENT, [new, ANA.model_copy(update={"title": "Dr"})], [LUKASZ.address], NOW, handle_of
        )
    assert (change.added, change.changed, change.left) == ((new.address,), (ANA.address,), (LUKASZ.address,))
    assert addresses(database) == [ANA.address, HADDAD.address, new.address]


def test_page_after_page_everybody_comes_once(database: Database) -> None:
    save(database, *(person(number) for number in range(25)))
    for words in ("", "novak"):
        seen, after = [], 0
        while True:
            with database.reading() as c:
                page = finding.found(c, EVENT, words, after=after, limit=10)
            if not page:
                break
            seen += [each.recipient.address for each in page]
            after = page[-1].id
        assert seen == [person(number).address for number in range(25)]


def test_the_sign_of_a_list_changes_with_it_and_not_with_answers(database: Database) -> None:
    def sign() -> str:
        with database.reading() as c:
            return people.sign_of_list(c, EVENT)

    signs = [sign()]
    for listed in ((ANA,), EVERYBODY, (LUKASZ, HADDAD), EVERYBODY):
        with database.writing() as c:
            people.save_roster(c, EVENT, listed, NOW + timedelta(seconds=len(signs)), handle_of)
        signs.append(sign())
    with database.writing() as c:
        member = people.roster(c, EVENT)[0]
        people.record_answer(c, member.id, "event", "accepted", NOW, "page", sequence=0)
    assert len(set(signs)) == len(signs)
    assert sign() == signs[-1]


def test_no_search_reads_everybody(database: Database) -> None:
    """As SQLite plans them: each table is searched by an index, whatever is asked."""
    if database.engine.dialect.name != "sqlite":
        return
    save(database, *(person(number) for number in range(50)))
    for words, state in (("", None), ("novak", None), ("ana novak", "SI"), ("", "SI")):
        for line in plan_of(database, words, state):
            assert not line.startswith(("SCAN recipient", "SCAN person_word")), line


def plan_of(database: Database, words: str, state: str | None) -> list[str]:
    told: list[tuple[str, Any]] = []

    def note(_c: Connection, _cursor: object, statement: str, values: Any, *_: object) -> None:
        told.append((statement, values))

    with database.reading() as c:
        event.listen(database.engine, "before_cursor_execute", note)
        try:
            finding.found(c, EVENT, words, state=state)
        finally:
            event.remove(database.engine, "before_cursor_execute", note)
        lines = []
        for statement, values in told:
            rows = c.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
            lines += [str(row[3]) for row in rows]
    return lines


def test_who_has_left_is_known_and_found_where_that_is_wanted(database: Database) -> None:
    save(database, *EVERYBODY)
    with database.writing() as c:
        (ana,) = finding.found(c, EVENT, "novak")
        people.save_roster(c, EVENT, EVERYBODY[1:], NOW + timedelta(days=1), handle_of)
        (left,) = finding.found(c, EVENT, "novak", also_left=True)
        assert finding.found(c, EVENT, "novak") == []
        assert (left.id, left.left_at, left.recipient) == (ana.id, NOW + timedelta(days=1), ANA)
        assert finding.known(c, ana.id) == left
        assert finding.known(c, 10**9) is None
