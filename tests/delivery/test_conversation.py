"""A conversation as bytes alone: what is said at each word of the server's, and how each letter ends."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.delivery.admission import Cue
from mailer.delivery.conversation import Broken, Conversation, Ended, Event, Invited, Say
from mailer.delivery.envelope import Offer, Parcel, offer_of
from mailer.delivery.outcome import Outcome, accepted, given_back, of_broken_line
from mailer.delivery.relay import Relay
from mailer.delivery.reply import Step
from mailer.outbox.letter import Happening

RELAY = Relay(host="mx.example", port=25)
ALL_WELL = b"250 kept\r\n250 fine\r\n250 fine\r\n354 go on\r\n"
WELCOME = b"250 fine\r\n250 fine\r\n354 go on\r\n"


def ready(*extensions: str) -> Conversation:
    """A conversation with a server that can do this, ready for letters."""
    conversation = Conversation(RELAY, name="[192.0.2.1]")
    conversation.begin()
    assert conversation.receive(b"220 mx.example\r\n") == [Say(b"EHLO [192.0.2.1]\r\n")]
    lines = ["mx.example", *extensions]
    reply = "".join(f"250-{line}\r\n" for line in lines[:-1]) + f"250 {lines[-1]}\r\n"
    assert conversation.receive(reply.encode()) == [Cue.READY]
    return conversation


def letter(number: int, conversation: Conversation) -> Offer:
    offer = offer_of(
        Parcel(number, "a@x.example", f"r{number}@x.example", b"A: b\r\n\r\n."), conversation.can
    )
    assert isinstance(offer, Offer)
    return offer


def envelope(number: int) -> bytes:
    return b"MAIL FROM:<a@x.example>\r\nRCPT TO:<r%d@x.example>\r\nDATA\r\n" % number


def put_off(reply: str) -> Outcome:
    return of_broken_line(reply, dot_sent=False)


def lost(reply: str) -> Outcome:
    return of_broken_line(reply, dot_sent=True)


def of_letters(events: list[Event]) -> list[tuple[int, Happening, str]]:
    """Which letters ended, how, and with what words."""
    ended = [event for event in events if isinstance(event, Ended)]
    return [(event.parcel.key, event.outcome.happening, event.outcome.reply) for event in ended]


def is_broken(events: list[Event]) -> bool:
    return bool(events) and isinstance(events[-1], Broken)


def with_dot_out(following: bool = True, *extensions: str) -> Conversation:
    """The dot of letter 1 is out, and behind it the envelope of letter 2."""
    conversation = ready(*(extensions or ("PIPELINING",)))
    conversation.offer(letter(1, conversation))
    conversation.receive(WELCOME)
    conversation.finish(letter(2, conversation) if following else None)
    return conversation


# ── the order of things


def test_a_letter_costs_one_round_trip() -> None:
    conversation = ready("PIPELINING")
    first, second = letter(1, conversation), letter(2, conversation)
    assert conversation.offer(first) == envelope(1)
    assert conversation.receive(WELCOME) == [Invited(first)]
    assert first.content == b"A: b\r\n\r\n..\r\n"
    assert conversation.poured is first
    assert conversation.finish(second) == b".\r\n" + envelope(2)
    assert conversation.receive(ALL_WELL) == [Ended(first.parcel, accepted("250 kept")), Invited(second)]
    assert conversation.finish(None) == b".\r\n"
    assert conversation.receive(b"250 kept too\r\n") == [Ended(second.parcel, accepted("250 kept too"))]
    assert conversation.is_quiet


def test_without_pipelining_each_word_waits_for_its_answer() -> None:
    conversation = ready("8BITMIME")
    first = letter(1, conversation)
    assert conversation.offer(first) == b"MAIL FROM:<a@x.example>\r\n"
    assert conversation.receive(b"250 fine\r\n") == [Say(b"RCPT TO:<r1@x.example>\r\n")]
    assert conversation.receive(b"250 fine\r\n") == [Say(b"DATA\r\n")]
    assert conversation.receive(b"354 go on\r\n") == [Invited(first)]
    assert conversation.finish(None) == b".\r\n"
    assert not conversation.may_offer
    assert conversation.receive(b"250 kept\r\n") == [Ended(first.parcel, accepted("250 kept"))]
    assert conversation.may_offer


def test_a_letter_that_comes_late_is_offered_behind_the_dot() -> None:
    conversation = with_dot_out(following=False)
    assert conversation.may_offer
    second = letter(2, conversation)
    assert conversation.offer(second) == envelope(2)
    assert not conversation.may_offer
    assert conversation.receive(ALL_WELL)[1:] == [Invited(second)]


def test_one_letter_is_behind_the_dot_and_not_two() -> None:
    assert not with_dot_out().may_offer


def test_what_is_awaited_is_known_at_each_step() -> None:
    conversation = ready("PIPELINING")
    assert conversation.awaits is None
    conversation.offer(letter(1, conversation))
    awaited = list[Step | None]()
    for line in WELCOME.splitlines(keepends=True):
        awaited.append(conversation.awaits)
        conversation.receive(line)
    assert awaited == [Step.MAIL, Step.RCPT, Step.DATA]
    assert conversation.awaits is None
    conversation.finish(None)
    assert conversation.awaits is Step.DOT


def test_a_goodbye_is_answered() -> None:
    conversation = ready()
    assert conversation.quit() == b"QUIT\r\n"
    assert conversation.receive(b"221 goodbye\r\n") == [Cue.GOODBYE]
    assert not conversation.may_offer


# ── refusals


def test_the_refusal_of_a_reader_is_the_letters_and_nothing_else_is() -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    events = conversation.receive(b"250 fine\r\n550 5.1.1 nobody\r\n503 no readers\r\n")
    assert of_letters(events) == [(1, Happening.REFUSED, "550 5.1.1 nobody")]
    assert conversation.may_offer
    assert conversation.offer(letter(2, conversation)) == b"RSET\r\n" + envelope(2)
    assert conversation.receive(b"250 reset\r\n" + WELCOME) == [Invited(letter(2, conversation))]


def test_a_server_that_wants_content_for_no_reader_gets_a_lone_dot() -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    events = conversation.receive(b"250 fine\r\n450 later\r\n354 go on\r\n")
    assert of_letters(events) == [(1, Happening.PUT_OFF, "450 later")]
    assert events[-1] == Say(b".\r\n")
    assert not conversation.may_offer
    assert conversation.receive(b"554 no valid recipients\r\n") == []
    assert conversation.may_offer


@pytest.mark.parametrize("answer", [b"250 kept\r\n", b"354 go on\r\n", b"451 hm\r\n"])
def test_what_a_lone_dot_is_answered_is_charged_to_nobody(answer: bytes) -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    conversation.receive(b"250 fine\r\n550 nobody\r\n354 go on\r\n")
    assert conversation.receive(answer) == []
    assert conversation.may_offer


def test_a_letter_is_never_ended_by_a_lone_dot_that_a_reader_could_get() -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    events = conversation.receive(b"452 later\r\n250 fine\r\n354 go on\r\n")
    assert of_letters(events) == [(1, Happening.PUT_OFF, "452 later")]
    assert is_broken(events)
    assert Say(b".\r\n") not in events


def test_a_refusal_of_the_sender_ends_the_line() -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    events = conversation.receive(b"550 5.7.1 not you\r\n503 no\r\n503 no\r\n")
    assert of_letters(events) == [(1, Happening.PUT_OFF, "550 5.7.1 not you")]
    assert is_broken(events)
    assert isinstance(events[0], Ended)
    assert events[0].outcome.sender_refused


def test_a_refusal_of_this_letter_at_mail_leaves_the_line() -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    events = conversation.receive(b"552 5.3.4 too large\r\n503 no\r\n503 no\r\n")
    assert of_letters(events) == [(1, Happening.REFUSED, "552 5.3.4 too large")]
    assert conversation.may_offer


def test_a_refusal_at_the_dot_leaves_the_next_letter_alone() -> None:
    conversation = with_dot_out()
    events = conversation.receive(ALL_WELL.replace(b"250 kept", b"554 5.7.1 it is spam"))
    assert of_letters(events) == [(1, Happening.REFUSED, "554 5.7.1 it is spam")]
    assert [event.offer.parcel.key for event in events if isinstance(event, Invited)] == [2]


def test_without_pipelining_a_refusal_says_nothing_more_of_the_letter() -> None:
    conversation = ready()
    conversation.offer(letter(1, conversation))
    events = conversation.receive(b"250 fine\r\n") + conversation.receive(b"550 nobody\r\n")
    assert events == [Say(b"RCPT TO:<r1@x.example>\r\n"), events[1]]
    assert of_letters(events) == [(1, Happening.REFUSED, "550 nobody")]
    assert conversation.offer(letter(2, conversation)) == b"RSET\r\n"
    assert conversation.receive(b"250 reset\r\n") == [Say(b"MAIL FROM:<a@x.example>\r\n")]


def test_a_server_that_cannot_begin_anew_is_left() -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    conversation.receive(b"250 fine\r\n550 nobody\r\n503 no\r\n")
    conversation.offer(letter(2, conversation))
    events = conversation.receive(b"500 what\r\n")
    assert of_letters(events) == [(2, Happening.PUT_OFF, "500 what is no reply to RSET")]
    assert is_broken(events)


# ── who is in doubt when it breaks


def test_before_the_dot_nobody_is_in_doubt() -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    conversation.receive(WELCOME)
    assert of_letters(conversation.lose("gone")) == [(1, Happening.PUT_OFF, "gone")]


def test_behind_the_dot_one_letter_is_in_doubt_and_one_is_given_back() -> None:
    events = with_dot_out().lose("gone")
    assert of_letters(events) == [(1, Happening.LOST, "gone"), (2, Happening.RELEASED, "gone")]
    assert events[-1] == Broken(put_off("gone"), "network", "")


def test_a_dot_that_never_left_leaves_no_doubt() -> None:
    events = with_dot_out().lose("gone", dot_left=False)
    assert of_letters(events) == [(1, Happening.PUT_OFF, "gone"), (2, Happening.RELEASED, "gone")]


def test_after_the_reply_to_the_dot_only_the_next_letter_is_under_way() -> None:
    conversation = with_dot_out()
    assert of_letters(conversation.receive(b"250 kept\r\n")) == [(1, Happening.ACCEPTED, "250 kept")]
    assert of_letters(conversation.lose("gone")) == [(2, Happening.PUT_OFF, "gone")]


@pytest.mark.parametrize(
    "nonsense", [b"354 go on\r\n", b"nonsense\r\n", b"250-a\r\n251 b\r\n", b"250 " + b"x" * 40_000]
)
def test_an_answer_to_the_dot_that_is_none_leaves_a_doubt(nonsense: bytes) -> None:
    events = with_dot_out().receive(nonsense)
    assert [(key, happening) for key, happening, _ in of_letters(events)] == [
        (1, Happening.LOST),
        (2, Happening.RELEASED),
    ]
    assert is_broken(events)


def test_421_to_the_dot_is_an_answer() -> None:
    events = with_dot_out().receive(b"421 4.3.2 going down\r\n")
    assert of_letters(events) == [
        (1, Happening.PUT_OFF, "421 4.3.2 going down"),
        (2, Happening.RELEASED, "421 4.3.2 going down"),
    ]
    assert events[-1] == Broken(put_off("421 4.3.2 going down"), "protocol", "421 4.3.2 going down")


@pytest.mark.parametrize("heard", [0, 1, 2])
def test_421_in_an_envelope_puts_its_letter_off(heard: int) -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    events = conversation.receive(b"250 fine\r\n" * heard + b"421 going down\r\n250 fine\r\n")
    assert of_letters(events) == [(1, Happening.PUT_OFF, "421 going down")]
    assert is_broken(events)


def test_a_refusal_that_cannot_wait_for_the_dot_is_the_letters() -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    conversation.receive(WELCOME)
    events = conversation.receive(b"552 5.3.4 too big\r\n")
    assert of_letters(events) == [(1, Happening.REFUSED, "552 5.3.4 too big")]
    assert is_broken(events)


def test_an_acceptance_before_the_dot_is_none_and_the_content_is_kept() -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    events = conversation.receive(WELCOME + b"250 kept already\r\n")
    assert of_letters(events) == [(1, Happening.PUT_OFF, "250 kept already came before the dot")]
    assert not [event for event in events if isinstance(event, Invited)]


@pytest.mark.parametrize(
    "answers",
    [
        b"354 go on\r\n",
        b"250 fine\r\n354 go on\r\n",
        b"250 fine\r\n250 fine\r\n250 fine\r\n",
        b"334 what\r\n",
    ],
)
def test_consent_out_of_its_place_is_none(answers: bytes) -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    events = conversation.receive(answers)
    assert [happening for _, happening, _ in of_letters(events)] == [Happening.PUT_OFF]
    assert is_broken(events)
    assert not [event for event in events if isinstance(event, Invited)]


@pytest.mark.parametrize(
    ("said", "reply"),
    [(b"250 hello?\r\n", "nobody asked for 250 hello?"), (b"421 too long idle\r\n", "421 too long idle")],
)
def test_what_nobody_asked_for_ends_the_line(said: bytes, reply: str) -> None:
    events = ready().receive(said)
    assert is_broken(events)
    assert events[0] == Broken(put_off(reply), "protocol", "421 too long idle" if b"421" in said else "")


def test_after_the_end_nothing_is_heard() -> None:
    conversation = ready()
    assert is_broken(conversation.lose("gone"))
    assert conversation.receive(b"250 fine\r\n") == []
    assert conversation.lose("gone again") == []
    assert not conversation.may_offer


# ── leaving


def test_a_letter_that_is_withheld_is_given_back_without_its_dot() -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    conversation.receive(WELCOME)
    assert conversation.withhold("not ours") == [
        Ended(letter(1, conversation).parcel, given_back("not ours"))
    ]
    assert conversation.poured is None
    assert not conversation.may_offer


def test_leaving_listens_to_the_reply_to_a_dot_alone() -> None:
    conversation = with_dot_out()
    assert of_letters(conversation.leave("closing")) == [(2, Happening.RELEASED, "closing")]
    assert not conversation.is_settled
    assert of_letters(conversation.receive(ALL_WELL)) == [(1, Happening.ACCEPTED, "250 kept")]
    assert conversation.is_settled
    assert not conversation.is_quiet  # the server waits for content: a QUIT would be some


def test_leaving_with_a_dot_alone_ends_in_a_goodbye() -> None:
    conversation = with_dot_out(following=False)
    assert conversation.leave("closing") == []
    conversation.receive(b"250 kept\r\n")
    assert conversation.is_quiet


def test_leaving_puts_off_a_letter_whose_intent_may_be_recorded() -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    conversation.receive(WELCOME)
    assert of_letters(conversation.leave("closing")) == [(1, Happening.PUT_OFF, "closing")]
    assert conversation.is_settled
    assert not conversation.is_quiet


def test_leaving_gives_back_a_letter_that_was_only_offered() -> None:
    conversation = ready("PIPELINING")
    conversation.offer(letter(1, conversation))
    assert of_letters(conversation.leave("closing")) == [(1, Happening.RELEASED, "closing")]
    assert conversation.receive(WELCOME) == []
    assert not conversation.is_quiet


def test_leaving_from_nothing_is_quiet() -> None:
    conversation = ready()
    assert conversation.leave("closing") == []
    assert conversation.is_quiet
    assert not conversation.may_offer


# ── however the network cuts

ANSWERS = st.sampled_from(
    [
        b"250 fine\r\n",
        b"250-fine\r\n250 indeed\r\n",
        b"250 fine\n",
        b"250  two   spaces \r\n",
        b"250 \xff\r\n",
        b"250 " + b"x" * 450 + b"\r\n",
        b"354 go on\r\n",
        b"450 later\r\n",
        b"550 5.1.1 nobody\r\n",
        b"421 going down\r\n",
        b"nonsense\r\n",
    ]
)


@given(
    answers=st.lists(ANSWERS, min_size=4, max_size=4) | st.just([*ALL_WELL.splitlines(keepends=True)]),
    cuts=st.lists(st.integers(0, 2000), max_size=8),
)
def test_any_cut_of_the_servers_bytes_amounts_to_the_same(answers: list[bytes], cuts: list[int]) -> None:
    data = b"".join(answers)
    places = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    whole = with_dot_out().receive(data)
    in_pieces = with_dot_out()
    events = [event for here, there in pairwise(places) for event in in_pieces.receive(data[here:there])]
    invited = [event for event in events if isinstance(event, Invited)]
    if is_broken(events):  # what was asked for in an earlier piece is called off by the end in a later one
        events = [event for event in events if isinstance(event, Ended | Broken)]
    assert events == whole
    assert len(invited) <= 1


@pytest.mark.parametrize(
    "pieces",
    [
        [b"250-first\r\n", ALL_WELL],
        [b"250-kept\r\n250 indeed\r\n250 fine\r\n354 go on\r\n"],
        [b"250 kept\r\n250-fine\r\n250 indeed\r\n354 go on\r\n"],
        [b"250 kept\r\n250 fine\r\n250-fine\r\n354 go on\r\n"],
        [b"250 kept\r\n250 fine\r\n250 fine\r\n354-go on\r\n"],
        [ALL_WELL + b"250 kept\r\n"],
        [b"250  kept \r\n250 fine\r\n250 fine\r\n354 go on\r\n"],
    ],
)
def test_what_is_read_at_a_glance_is_read_as_line_by_line(pieces: list[bytes]) -> None:
    at_a_glance, by_line = with_dot_out(), with_dot_out()
    seen = [event for piece in pieces for event in at_a_glance.receive(piece)]
    heard = [event for byte in b"".join(pieces) for event in by_line.receive(bytes([byte]))]
    if is_broken(heard):
        heard = [event for event in heard if not isinstance(event, Invited)]
    assert seen == heard


@given(st.lists(ANSWERS, max_size=12), st.sampled_from([("PIPELINING",), ("8BITMIME",)]))
def test_every_letter_ends_once_whatever_the_server_says(
    answers: list[bytes], extensions: tuple[str, ...]
) -> None:
    conversation = ready(*extensions)
    offered, ended, doubts = 0, list[int](), 0
    dots = set[int]()
    for answer in [*answers, b""]:
        if conversation.may_offer:
            offered += 1
            conversation.offer(letter(offered, conversation))
        events = conversation.receive(answer) if answer else conversation.lose("gone")
        if poured := conversation.poured:
            dots.add(poured.parcel.key)
            conversation.finish(None)
        for key, happening, _ in of_letters(events):
            ended.append(key)
            doubts += happening is Happening.LOST
            assert happening is not Happening.ACCEPTED or key in dots
            assert happening is not Happening.LOST or key in dots
    assert sorted(ended) == list(range(1, offered + 1))
    assert doubts <= 1
