"""A newcomer's first event: what is kept, what is refused, and what is left to do."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from mailer.agenda.model import Organiser
from mailer.composition.dkim import DkimKey
from mailer.delivery.profiles import guessed
from mailer.delivery.relay import Relay, Security
from mailer.dossier import Dossier
from mailer.errors import BadInput, ConvenorError
from mailer.settings import EXAMPLE, ROOT
from mailer.starting import Basics, Facts, Like, Record, agenda_text, begin, records, steps

BASICS = Basics(
    title='A "quiet" day \\ with {{ 7*7 }}', date="2037-03-10", start="10:00", end="16:30", venue="A house",
    street="A street 1", city="A city", organiser="A secretariat", address="office@secretariat.example",
)  # fmt: skip
LIST = b"email,given_name,family_name,role\nana@uni.example,Ana,Novak,expert\n"
ORGANISER = Organiser(name="A secretariat", address="office@ministry.example")


def _begin(path: Path, text: str, lists: dict[str, bytes] | None = None) -> Dossier:
    return begin(path, text, lists or {}, today=date(2027, 1, 4), templates=ROOT / "templates")


def _text(like: Like = Like.EMPTY, basics: Basics = BASICS, lists: dict[str, bytes] | None = None) -> str:
    return agenda_text(basics, like, "mine", EXAMPLE.read_text("utf-8"), lists or {})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agenda" / "mine.toml"


def test_an_empty_event_has_one_session_and_the_invitation(path: Path) -> None:
    found = _begin(path, _text(lists={"mine.csv": LIST}), {"mine.csv": LIST})

    event = found.event
    assert (event.key, event.title, event.example) == ("mine", BASICS.title, False)
    assert [(each.key, f"{each.starts_at:%H:%M}") for each in event.sessions] == [("conference", "09:00")]
    assert [each.key for each in event.mailings] == ["invitation"]
    assert [each.address for each in found.recipients] == ["ana@uni.example"]
    assert path.exists()
    assert (path.parent.parent / "recipients" / "mine.csv").read_bytes() == LIST


def test_like_the_example_it_has_its_day_and_its_mailings_but_none_of_its_people(path: Path) -> None:
    found = _begin(path, _text(Like.EXAMPLE))

    assert len(found.event.sessions) == 10
    assert len(found.event.mailings) == 6
    assert (found.event.title, found.recipients) == (BASICS.title, ())


def test_every_problem_is_told_at_once_and_nothing_is_kept(path: Path) -> None:
    wrong = replace(BASICS, date="2037-02-31", timezone="Vienna", address="nobody")

    with pytest.raises(BadInput) as refused:
        _begin(path, _text(basics=wrong, lists={"mine.csv": b"x"}), {"mine.csv": b"x"})

    fields = {problem.field for problem in refused.value.problems}
    assert fields == {"event.date", "event.timezone", "event.organiser.address"}
    assert all(problem.file == "mine.toml" and problem.row for problem in refused.value.problems)
    assert not path.parent.exists()
    assert not (path.parent.parent / "recipients").exists()


def test_a_bad_row_of_a_list_keeps_nothing(path: Path) -> None:
    bad = LIST + b"nobody,A,B,expert\n"

    with pytest.raises(BadInput, match=r"mine\.csv:3"):
        _begin(path, _text(lists={"mine.csv": bad}), {"mine.csv": bad})

    assert not path.exists()


@pytest.mark.parametrize("name", ["../x.csv", "x/y.csv", "/etc/x.csv", "x.toml", ""])
def test_a_list_has_a_plain_name(path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="no name of a list"):
        _begin(path, _text(), {name: LIST})

    assert list(path.parent.parent.rglob("*")) == []


def test_what_is_there_is_not_written_over(path: Path) -> None:
    _begin(path, _text())
    before = path.read_bytes()

    with pytest.raises(ConvenorError, match=r"mine\.toml: there is such a file already"):
        _begin(path, _text(Like.EXAMPLE))

    assert path.read_bytes() == before


def test_a_list_that_is_there_is_not_written_over_either(path: Path) -> None:
    kept = path.parent.parent / "recipients" / "mine.csv"
    kept.parent.mkdir()
    kept.write_bytes(b"somebody's")

    with pytest.raises(ConvenorError, match=r"mine\.csv"):
        _begin(path, _text(), {"mine.csv": LIST})

    assert kept.read_bytes() == b"somebody's"


def test_a_list_that_is_there_is_read(path: Path) -> None:
    kept = path.parent.parent / "recipients" / "mine.csv"
    kept.parent.mkdir()
    kept.write_bytes(LIST)

    assert len(_begin(path, _text(lists={"mine.csv": LIST})).recipients) == 1


def test_the_example_itself_is_no_event_of_ones_own(path: Path) -> None:
    text = EXAMPLE.read_text("utf-8")
    text = text[: text.index("[[recipients]]")] + text[text.index("# ── the day") :]

    with pytest.raises(BadInput, match="is for the example alone"):
        _begin(path, text)


def _facts(**changed: object) -> Facts:
    given = {
        "organiser": ORGANISER, "relay": None, "is_reachable": False, "people": 0, "codes": False, "tested": "",
    } | changed  # fmt: skip
    return Facts(**given)  # type: ignore[arg-type]


RELAY = Relay(host="mail.ministry.example", port=587, security=Security.STARTTLS)


def test_at_first_nearly_all_is_to_be_done() -> None:
    left = [step.key for step in steps(_facts()) if not step.is_done]

    assert left == ["sender", "server", "reachable", "test", "people", "codes"]


def test_a_letter_that_another_server_took_is_no_test_of_this_one() -> None:
    taken = {
        step.key: step.is_done for step in steps(_facts(relay=RELAY, tested="smtps://other.example:465"))
    }
    assert (taken["server"], taken["test"]) == (True, False)
    assert all(
        step.is_done
        for step in steps(
            _facts(organiser=Organiser(name="A", address="office@ministry.invalid"), relay=RELAY, tested=str(RELAY),
                   is_reachable=True, people=3, codes=True)
        )
    )  # fmt: skip


def test_records_are_told_as_they_are_to_be_published() -> None:
    assert records(ORGANISER, "", RELAY, ()) == (
        Record(
            name="ministry.example", value="v=spf1 a:mail.ministry.example ~all",
            why="SPF: this server may send for you. If there is such a record, put the middle part into it.",
        ),
        Record(
            name="_dmarc.ministry.example", value="v=DMARC1; p=none; rua=mailto:office@ministry.example",
            why="DMARC: tell me of letters that are not mine. Later, p=quarantine keeps them away.",
        ),
    )  # fmt: skip


def test_the_record_of_who_may_send_is_that_of_the_return_path() -> None:
    relay = Relay(host="smtp.office365.com", port=587, profile=guessed("smtp.office365.com"))
    (spf, *_) = records(ORGANISER, "bounces@back.ministry.example", relay, ())

    assert (spf.name, spf.value) == (
        "back.ministry.example",
        "v=spf1 include:spf.protection.outlook.com ~all",
    )


def test_a_key_has_its_record_and_without_a_server_there_is_none() -> None:
    key = DkimKey(selector="spring", pem=_pem())

    (_, dkim, _) = records(ORGANISER, "", RELAY, (key,))

    assert dkim.name == "spring._domainkey.ministry.example"
    assert dkim.value.startswith("v=DKIM1; k=ed25519; p=")
    assert records(ORGANISER, "", None, (key,)) == ()


def _pem() -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
