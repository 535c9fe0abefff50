"""Audiences: what the organiser may write, whom it chooses, and that no other text is taken for one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailer.recipients.audience import (
    ANSWERS,
    DEEPEST,
    LONGEST,
    All,
    Answered,
    Audience,
    Chose,
    Everyone,
    Not,
    OneOf,
    Some,
    Subject,
    check,
    is_about_answers,
    is_chosen,
    matches,
    parse,
    states,
    written,
)
from mailer.recipients.model import Recipient, Role

ANA = Recipient(
    address="a.horvat@cert.example",
    given_name="Ana",
    family_name="Horvat",
    role=Role.PRACTITIONER,
    state="HR",
    language="pt-br",
    tags=("press", "police-unit"),
    sessions=("session-1", "session-3"),
)
NOBODY_IN_PARTICULAR = Recipient(address="m@x.example", given_name="M", family_name="", role=Role.FOCAL_POINT)

A_STATEMENT = "everyone, answered, chose, not, '(' or one of role, tag, state, language, answer"


def chooses(text: str, recipient: Recipient = ANA, anchor: str = "event", **answers: str) -> bool:
    said = {key.replace("_", "-"): answer for key, answer in answers.items()}
    return matches(parse(text), recipient, answers=said, anchor=anchor)


@pytest.mark.parametrize(
    ("text", "audience"),
    [
        ("everyone", Everyone()),
        ("Answered", Answered()),
        ("chose Session-1", Chose(session="session-1")),
        ("chose this session", Chose(session=None)),
        ("role = focal_point", OneOf(subject=Subject.ROLE, values=("focal_point",))),
        ('ROLE = "Focal  Point"', OneOf(subject=Subject.ROLE, values=("focal_point",))),
        ("role in (expert,practitioner)", OneOf(subject=Subject.ROLE, values=("expert", "practitioner"))),
        ("role != speaker", Not(part=OneOf(subject=Subject.ROLE, values=("speaker",)))),
        ("state not in (at, SK, AT)", Not(part=OneOf(subject=Subject.STATE, values=("AT", "SK")))),
        ("language = pt_BR", OneOf(subject=Subject.LANGUAGE, values=("pt-br",))),
        ("tag = and", OneOf(subject=Subject.TAG, values=("and",))),
        (
            "everyone or answered and not everyone",
            Some(parts=(Everyone(), All(parts=(Answered(), Not(part=Everyone()))))),
        ),
        (
            "(everyone or answered) and everyone",
            All(parts=(Some(parts=(Everyone(), Answered())), Everyone())),
        ),
    ],
)
def test_a_sentence_has_one_meaning(text: str, audience: Audience) -> None:
    assert parse(text) == audience


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "rol = expert",
            f"column 1: 'rol' is not understood here; expected {A_STATEMENT}; did you mean 'role'?",
        ),
        ("role expert", "column 6: 'expert' is not understood here; expected '=', '!=', 'in' or 'not in'"),
        ("role =", "column 7: the text ends here; expected a role"),
        ("state in (AT SK)", "column 14: 'SK' is not understood here; expected ',' or ')'"),
        ("(everyone", "column 10: the text ends here; expected 'and', 'or' or ')'"),
        ("everyone everyone", "column 10: 'everyone' is not understood here; expected 'and' or 'or'"),
        ("chose this", "column 11: the text ends here; expected 'session'"),
        ('tag = "press', "column 7: a quotation mark is left open"),
        ('tag = ""', "column 7: nothing stands between the quotation marks"),
        ("role ! expert", "column 6: '!' is not understood"),
        (
            "not " * (DEEPEST + 1) + "everyone",
            "column 201: more than 50 parentheses and 'not's inside one another",
        ),
        ("(" * 500, "column 51: more than 50 parentheses and 'not's inside one another"),
        ("x" * (LONGEST + 1), "an audience may have 2,000 characters, this one has 2,001"),
    ],
)
def test_what_is_not_understood_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"^.") as error:
        parse(text)
    assert str(error.value) == message


def test_fifty_deep_is_not_too_deep() -> None:
    assert chooses("(" * DEEPEST + "everyone" + ")" * DEEPEST)


def test_sixty_side_by_side_are_not_deep() -> None:
    assert chooses(" and ".join(["not (answered)"] * 60))


@pytest.mark.parametrize(
    "text",
    [
        "everyone",
        "role = practitioner",
        "role in (expert, practitioner)",
        "role != speaker",
        "tag = PRESS",
        "tag = police-unit and tag = press",
        "state in (AT, hr)",
        "language = pt",
        "language = pt-BR",
        "chose session-3",
        "answer = none",
        "not answered",
    ],
)
def test_ana_is_in(text: str) -> None:
    assert chooses(text)


@pytest.mark.parametrize(
    "text",
    [
        "not everyone",
        "role = speaker",
        "tag = police",
        "state = AT",
        "language = p",
        "language = pt-br-x",
        "chose session-2",
        "chose event",
        "answer in (accepted, declined)",
        "answered",
        "chose this session",
    ],
)
def test_ana_is_not_in(text: str) -> None:
    assert not chooses(text)


def test_this_session_is_the_one_the_occasion_hangs_on() -> None:
    assert chooses("chose this session", anchor="session-1")
    assert not chooses("chose this session", anchor="session-2")


def test_the_event_is_no_session_even_for_those_who_accepted_it() -> None:
    assert not chooses("chose this session", event="accepted")


@pytest.mark.parametrize(
    ("answer", "coming"), list(zip(ANSWERS, (True, True, True, False, False), strict=True))
)
def test_an_answer_for_the_session_overrules_the_list(answer: str, coming: bool) -> None:
    assert chooses("chose session-1", session_1=answer) is coming
    assert chooses("chose session-2", session_2=answer) is (coming and answer != "none")


def test_an_answer_speaks_of_the_event() -> None:
    assert chooses("answer = declined", event="declined", session_1="accepted")
    assert chooses("answered", event="delegated")
    assert not chooses("answered", session_1="accepted")
    assert not chooses("answered", event="none")


def test_who_has_no_state_and_no_language_is_found_by_none_of_them() -> None:
    assert not chooses("state = AT or language = en", NOBODY_IN_PARTICULAR)
    assert chooses("state != AT and language != en", NOBODY_IN_PARTICULAR)


def test_check_finds_nothing_wrong_with_what_is_right() -> None:
    text = "role = focal_point or tag = anything and state = AT and language = sr-latn and chose this session"
    assert check(text, sessions=["session-1"], per_session=True) == []


def test_check_tells_everything_at_once_and_each_thing_once() -> None:
    text = (
        "chose sesion-1 or chose sesion-1 or chose this session or state in (UK, XK, AT) or role = speakr "
        "or not (language = english) or answer = acepted"
    )
    assert check(text, sessions=["session-1", "lunch"], per_session=False) == [
        "the agenda has no session 'sesion-1'; did you mean 'session-1'?",
        "'chose this session' needs a mailing that hangs on one; or name it: chose session-1",
        "'UK' is not a State; write its two-letter code, such as AT",
        "'XK' is not a State; write its two-letter code, such as AT",
        f"there is no role 'speakr'; did you mean 'speaker'? (roles: {', '.join(Role)})",
        "'english' is not a language; write its code, such as fr or pt-br",
        f"there is no answer 'acepted'; did you mean 'accepted'? (answers: {', '.join(ANSWERS)})",
    ]


def test_check_of_what_cannot_be_parsed_is_the_one_problem() -> None:
    assert check("every one", sessions=[], per_session=True) == [
        f"column 1: 'every' is not understood here; expected {A_STATEMENT}; did you mean 'everyone'?"
    ]


def test_the_states_are_those_of_iso_3166() -> None:
    assert len(states()) == 249
    assert {"AT", "VA", "US", "MN"} <= states().keys()
    assert not {"EU", "UN", "ZZ", "UK", "150"} & states().keys()


def test_is_about_answers() -> None:
    assert is_about_answers(parse("chose this session and not (answer = declined or tag = x)"))
    assert is_about_answers(parse("not answered"))
    assert not is_about_answers(parse("everyone and not (chose session-1 or role = expert)"))


values = st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), min_size=1, max_size=8)
atoms = st.one_of(
    st.sampled_from(["everyone", "answered", "chose this session", "chose session-1", "tag = press"]),
    st.builds(
        lambda subject, values: f"{subject} in ({', '.join(values)})",
        st.sampled_from(Subject),
        st.lists(
            st.sampled_from(["expert", "practitioner", "HR", "AT", "pt", "none", "declined"]),
            min_size=1,
            max_size=3,
        ),
    ),
    st.builds('{} = "{}"'.format, st.sampled_from(Subject), values.filter(str.strip)),
)
sentences = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("not ({})".format, inner),
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["and", "or"]), inner),
    ),
    max_leaves=5,
)
answers = st.dictionaries(st.sampled_from(["event", "session-1", "session-2"]), st.sampled_from(ANSWERS))


@settings(max_examples=150)
@given(
    text=st.one_of(
        st.text(),
        st.lists(st.sampled_from([*"()=,!", "not", "and", "in", "role", "x", '"', "chose"])).map(" ".join),
    )
)
def test_any_text_is_understood_or_a_value_error(text: str) -> None:
    try:
        audience = parse(text)
    except ValueError as error:
        message = str(error)
    else:
        message = "column none"
        assert parse(written(audience)) == audience
    assert message.startswith(("column ", "an audience may have"))


@settings(max_examples=150)
@given(text=sentences)
def test_what_is_written_is_read_the_same(text: str) -> None:
    audience = parse(text)
    assert parse(written(audience)) == audience
    assert isinstance(check(text, sessions=["session-1"], per_session=True), list)


@settings(max_examples=100)
@given(a=sentences, b=sentences, said=answers, anchor=st.sampled_from(["event", "session-1"]))
def test_de_morgan(a: str, b: str, said: dict[str, str], anchor: str) -> None:
    def chosen(text: str) -> bool:
        return matches(parse(text), ANA, answers=said, anchor=anchor)

    assert chosen(f"not (({a}) and ({b}))") == chosen(f"not ({a}) or not ({b})")
    assert chosen(f"not (({a}) or ({b}))") == chosen(f"not ({a}) and not ({b})")
    assert chosen(f"not ({a})") is not chosen(a)


@settings(max_examples=50)
@given(a=atoms, b=atoms, c=atoms)
def test_not_binds_closest_then_and_then_or(a: str, b: str, c: str) -> None:
    assert parse(f"not {a} and {b} or {c}") == parse(f"(((not ({a})) and ({b})) or ({c}))")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chose this session", True),
        ("chose this session and not answer = declined", True),
        ("(chose this session and tag = press) or (answered and chose this session)", True),
        ("chose this session or tag = press", False),
        ("not chose this session", False),
        ("chose session-1", False),
        ("everyone", False),
    ],
)
def test_whether_only_those_who_chose_the_session_can_belong_to_it(text: str, expected: bool) -> None:
    assert is_chosen(parse(text)) is expected
