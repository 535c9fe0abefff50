"""Signed links: what opens them, and what does not."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.composition.links import LONGEST_MAILBOX, Links, Purpose, Signer

SIGNER = Signer(b"a secret key for the tests alone")
HANDLE = SIGNER.handle("cybercrime-2027", "ana@prosecution.example")
OTHER = SIGNER.handle("cybercrime-2027", "d.abenov@cyberpolice.example")
TOKEN = SIGNER.token(Purpose.PAGE, HANDLE)
MAILBOX = "bounces@conference.example"
RETURN_PATH = SIGNER.return_path(MAILBOX, 4711)
LOCAL_PART = RETURN_PATH.rpartition("@")[0]


def test_a_token_opens_what_it_was_made_for() -> None:
    assert SIGNER.handle_of(Purpose.PAGE, TOKEN) == HANDLE
    assert SIGNER.handle_of(Purpose.UNSUBSCRIBE, SIGNER.token(Purpose.UNSUBSCRIBE, HANDLE)) == HANDLE
    assert re.fullmatch(r"[A-Za-z0-9_-]{39}", TOKEN)


def test_a_token_opens_nothing_else() -> None:
    assert SIGNER.handle_of(Purpose.UNSUBSCRIBE, TOKEN) is None
    assert SIGNER.handle_of(Purpose.PAGE, SIGNER.token(Purpose.UNSUBSCRIBE, HANDLE)) is None
    assert Signer(b"another key of the same length..").handle_of(Purpose.PAGE, TOKEN) is None


def test_one_person_cannot_be_put_in_anothers_token() -> None:
    theirs = SIGNER.token(Purpose.PAGE, OTHER)
    assert SIGNER.handle_of(Purpose.PAGE, theirs[:17] + TOKEN[17:]) is None
    assert SIGNER.handle_of(Purpose.PAGE, TOKEN[:17] + theirs[17:]) is None
    assert TOKEN[1:].startswith(HANDLE)


@pytest.mark.parametrize("position", range(39))
def test_every_character_counts(position: int) -> None:
    for letter in string.ascii_letters + string.digits + "-_=.ü":
        if letter != TOKEN[position]:
            forged = TOKEN[:position] + letter + TOKEN[position + 1 :]
            assert SIGNER.handle_of(Purpose.PAGE, forged) is None


@pytest.mark.parametrize("length", range(39))
def test_a_part_of_a_token_opens_nothing(length: int) -> None:
    assert SIGNER.handle_of(Purpose.PAGE, TOKEN[:length]) is None


@pytest.mark.parametrize(
    "token",
    [
        TOKEN + "A",
        TOKEN + "=",
        TOKEN + "==",
        TOKEN + "\n",
        " " + TOKEN,
        TOKEN + TOKEN,
        TOKEN + "\x00",
        TOKEN.replace("-", "+").replace("_", "/") + "=",
        "A" * 10_000,
        TOKEN + "A" * 10_000,
        "ü" * 38,
        "ü" * 39,
        "\ud800" * 39,
        "\x00" * 38,
        "==",
        "A" * 38,
        "A",
    ],
    ids=ascii,
)
def test_what_is_no_token_opens_nothing(token: str) -> None:
    assert SIGNER.handle_of(Purpose.PAGE, token) is None


@given(st.text(max_size=60))
def test_nothing_opens_by_chance(token: str) -> None:
    assert SIGNER.handle_of(Purpose.PAGE, token) is None


def test_a_handle_is_the_persons_however_the_address_is_written() -> None:
    assert SIGNER.handle("cybercrime-2027", "Ana@Prosecution.EXAMPLE") == HANDLE
    assert re.fullmatch(r"[A-Za-z0-9_-]{16}", HANDLE)
    assert len({HANDLE, OTHER, SIGNER.handle("another", "ana@prosecution.example")}) == 3


def test_a_uid_is_opaque_stable_and_everybodys_own() -> None:
    def uid(event: str, anchor: str, address: str) -> str:
        return SIGNER.uid(event, anchor, address, "conference.example")

    first = uid("cybercrime-2027", "session-1", "ana@prosecution.example")
    assert re.fullmatch(r"[0-9a-f]{32}@conference\.example", first)
    assert uid("cybercrime-2027", "session-1", "ANA@prosecution.example") == first
    others = {
        uid("another", "session-1", "ana@prosecution.example"),
        uid("cybercrime-2027", "session-2", "ana@prosecution.example"),
        uid("cybercrime-2027", "session-1", "d.abenov@cyberpolice.example"),
        Signer(b"another key of the same length..").uid(
            "cybercrime-2027", "session-1", "ana@prosecution.example", "conference.example"
        ),
    }
    assert len(others - {first}) == 4


def test_a_uid_has_at_most_255_characters_of_ascii() -> None:
    longest = ".".join(["x" * 60] * 4) + ".example"
    uid = SIGNER.uid("e" * 63, "s" * 63, "ü" * 300 + "@x.example", longest)
    assert uid.isascii()
    assert len(uid) == 255


def test_digests_keep_their_parts_apart() -> None:
    digests = {
        SIGNER.digest("a", "b", "c"),
        SIGNER.digest("a", "bc"),
        SIGNER.digest("ab", "c"),
        SIGNER.digest("a", "b", "c", ""),
    }
    assert len(digests) == 4
    assert {len(digest) for digest in digests} == {32}


def test_links_signed_with_an_older_key_open_until_it_is_taken_away() -> None:
    old, older, new = (f"the {word} secret key of the tests".encode() for word in ("old", "older", "new"))
    named = b"what the event was first named by"
    handle = Signer(old, naming=named).handle("cybercrime-2027", "ana@prosecution.example")
    tokens = [Signer(key, naming=named).token(Purpose.PAGE, handle) for key in (old, older, new)]
    rotated = Signer(new, (old, older), named)
    assert [rotated.handle_of(Purpose.PAGE, token) for token in tokens] == [handle] * 3
    assert [rotated.handle_of(Purpose.UNSUBSCRIBE, token) for token in tokens] == [None] * 3
    taken_away = Signer(new, (old,), named)
    assert [taken_away.handle_of(Purpose.PAGE, token) for token in tokens] == [handle, None, handle]
    assert len({token[0] for token in tokens}) == 3
    assert rotated.handle_of(Purpose.PAGE, tokens[0][0] + tokens[1][1:]) is None


def test_what_an_event_is_named_by_outlives_its_keys() -> None:
    old, new = Signer(b"the old secret key of the tests", naming=b"n"), Signer(b"the new one", naming=b"n")
    assert old.handle("e", "ana@x.example") == new.handle("e", "ana@x.example")
    assert old.uid("e", "event", "ana@x.example", "x.example") == new.uid(
        "e", "event", "ana@x.example", "x.example"
    )
    assert old.digest("message-id", "e") == new.digest("message-id", "e")
    assert old.token(Purpose.PAGE, HANDLE) != new.token(Purpose.PAGE, HANDLE)


def test_a_token_from_before_keys_had_signs_is_the_oldest_keys() -> None:
    assert SIGNER.handle_of(Purpose.PAGE, TOKEN[1:]) == HANDLE
    assert Signer(b"new", (b"newer", SIGNER.secret)).handle_of(Purpose.PAGE, TOKEN[1:]) == HANDLE
    assert Signer(b"new", (SIGNER.secret, b"oldest")).handle_of(Purpose.PAGE, TOKEN[1:]) is None


def test_a_letter_can_be_written_again_as_it_was_before_the_key_was_changed() -> None:
    rotated = Signer(b"new", (SIGNER.secret, b"oldest"), naming=b"n")
    assert [each.token(Purpose.PAGE, HANDLE) for each in rotated.before()] == [
        TOKEN,
        Signer(b"oldest").token(Purpose.PAGE, HANDLE),
    ]


def test_return_paths_signed_with_an_older_key_still_lead_back() -> None:
    assert Signer(b"new", (b"another", SIGNER.secret)).letter_of(RETURN_PATH) == 4711
    assert Signer(b"new", (b"another",)).letter_of(RETURN_PATH) is None


def test_the_links_of_one_letter() -> None:
    page = f"https://conference.example/r/{TOKEN}"
    assert SIGNER.links("https://conference.example", HANDLE, ("event", "session-1")) == Links(
        page=page,
        unsubscribe=f"https://conference.example/u/{SIGNER.token(Purpose.UNSUBSCRIBE, HANDLE)}",
        entries={"event": f"{page}/event.ics", "session-1": f"{page}/session-1.ics"},
        feed=f"https://conference.example/f/{SIGNER.token(Purpose.FEED, HANDLE)}.ics",
    )


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_a_return_path_leads_back_to_its_letter(letter_id: int) -> None:
    return_path = SIGNER.return_path(MAILBOX, letter_id)
    assert SIGNER.letter_of(return_path) == letter_id
    assert SIGNER.letter_of(return_path.rpartition("@")[0]) == letter_id


def test_a_return_path_is_the_letters_own_and_always_the_same() -> None:
    assert re.fullmatch(r"bounces\+3mv-[a-z2-7]{16}@conference\.example", RETURN_PATH)
    assert SIGNER.return_path(MAILBOX, 4711) == RETURN_PATH
    assert len({SIGNER.return_path(MAILBOX, letter_id) for letter_id in range(1000)}) == 1000
    assert Signer(b"another key of the same length..").letter_of(RETURN_PATH) is None


@given(st.lists(st.booleans(), min_size=len(RETURN_PATH), max_size=len(RETURN_PATH)))
def test_a_return_path_survives_whoever_changes_its_case(raised: list[bool]) -> None:
    folded = (each.upper() if up else each for each, up in zip(RETURN_PATH, raised, strict=True))
    assert SIGNER.letter_of("".join(folded)) == 4711


@pytest.mark.parametrize("position", range(LOCAL_PART.index("+") + 1, len(LOCAL_PART)))
def test_every_character_of_a_return_path_counts(position: int) -> None:
    for letter in string.ascii_lowercase + string.digits + "-+_=.@ü\u212a\u0130":
        if letter != LOCAL_PART[position]:
            forged = LOCAL_PART[:position] + letter + LOCAL_PART[position + 1 :]
            assert SIGNER.letter_of(f"{forged}@conference.example") is None


@pytest.mark.parametrize(
    "return_path",
    [
        "",
        "@",
        "+",
        "bounces@conference.example",
        "bounces+@conference.example",
        "bounces+3mv@conference.example",
        LOCAL_PART[:-1],
        LOCAL_PART + "a",
        LOCAL_PART + "=",
        LOCAL_PART + "\n",
        LOCAL_PART.replace("+", "+0"),
        LOCAL_PART.replace("+", "+ "),
        LOCAL_PART.replace("+", "+-"),
        LOCAL_PART.replace("3mv", "3mw"),
        LOCAL_PART + "+3mv",
        f"<{LOCAL_PART}>",
        "bounces+" + "z" * 13 + "-" + "a" * 16,
        "bounces+" + "z" * 10_000,
        "bounces+\u0663-" + "a" * 16,
        "\ud800" * 40,
    ],
    ids=ascii,
)
def test_what_is_no_return_path_leads_nowhere(return_path: str) -> None:
    assert SIGNER.letter_of(return_path) is None


@given(st.text(max_size=80))
def test_nobody_comes_upon_a_return_path_by_chance(return_path: str) -> None:
    assert SIGNER.letter_of(return_path) is None


def test_the_local_part_of_a_return_path_has_at_most_64_octets() -> None:
    longest = "b" * LONGEST_MAILBOX
    assert len(SIGNER.return_path(f"{longest}@conference.example", 2**63 - 1).rpartition("@")[0]) == 64
    with pytest.raises(ValueError, match="make no return path"):
        SIGNER.return_path(f"{longest}b@conference.example", 1)


@pytest.mark.parametrize("letter_id", [-1, 2**63])
def test_a_letter_that_can_be_in_no_database_has_no_return_path(letter_id: int) -> None:
    with pytest.raises(ValueError, match="make no return path"):
        SIGNER.return_path(MAILBOX, letter_id)


def test_a_mailbox_may_have_a_plus_of_its_own() -> None:
    return_path = SIGNER.return_path("events+bounces@conference.example", 4711)
    assert return_path.startswith("events+bounces+3mv-")
    assert SIGNER.letter_of(return_path) == 4711


def test_the_secret_is_never_shown() -> None:
    assert "tests alone" not in f"{SIGNER!r} {SIGNER} {[SIGNER]}"
