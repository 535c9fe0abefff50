"""Many letters of an occasion: the bytes of a letter written by itself, and next to none of the work."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailer.agenda.attaching import HandedIn, contents_of
from mailer.agenda.attachments import attachment
from mailer.agenda.model import CalendarPart, Mailing, MailingKind
from mailer.composition import ical, message, sheet
from mailer.composition.casting import Reader
from mailer.composition.composing import MOST_SKELETONS, Composed, Composer, Sender, compose
from mailer.composition.links import Signer
from mailer.composition.sandbox import Sandbox
from mailer.composition.shapes import LONGEST_TEXTS, MOST_SHEETS
from mailer.composition.skeleton import Skeleton
from mailer.composition.wording import Wording
from mailer.errors import ConvenorError, UnsafeLetter, WordingError
from mailer.recipients.model import Recipient, Role
from tests import conference
from tests.composition import reference
from tests.composition.test_composing import DUE_AT, LETTER, TEXTS, anchor_of
from tests.composition.writing import complete
from tests.conference import EVENT, EXPERT, FAR_AWAY, PRACTITIONER
from tests.scenes.calendar import two_days_in_french

SENDER: Sender = LETTER["sender"]
OVER_HTTP = Sender(signer=Signer(b"another key, a long one: " * 4), base_url="http://127.0.0.1:8400")
FACTS = {name: value for name, value in LETTER.items() if name not in {"sender", "recipient"}}

GERMAN = Wording(
    texts={
        **TEXTS.texts,
        "invitation/de.subject.txt": "Einladung für {{ recipient.addressed_as }}: {{ event.title }}",
        "invitation/de.txt": "An\n{{ recipient.full_name|wrapped(4) }}\n{% filter wrapped %}\nSehr geehrte/r "
        "{{ recipient.addressed_as }} ({{ recipient.institution }}), wir laden Sie zu der Tagung {{ event.title }} "
        "ein; Ihre Seite ist {{ links.page }} und nur für {{ recipient.name }} bestimmt.\n{% endfilter %}\n\n"
        "{{ recipient.state }}\n.\nFrom {{ recipient.family_name }}\n{{ links.unsubscribe }} \n",
        "invitation/de.html": "<p>From {{ recipient.family_name }}</p>\n{{ recipient.name }}\n.\n"
        '<a title="{{ recipient.institution }}" href="{{ links.page }}">{{ recipient.full_name }}</a> '
        "{{ recipient.timezone }}\n",
    }
)
"""A fourth language, that puts the reader's own texts into odd places."""


TITLED = EVENT.model_copy(
    update={
        "key": "titled",
        "title": "100 % <sicher>: “Ω” & 'Co' {{7*7}}",
        "language": "fr",
        "timezone": "Asia/Tashkent",
        "organiser": EVENT.organiser.model_copy(update={"name": "Büro, \"K.\" 'X' & Co"}),
    }
)
FILES = (
    HandedIn(given="programme.pdf", content=bytes(range(256)) * 400),
    HandedIn(given="Überblick über die Räume – Saal „Ω“, für alle.pdf", content=b"%PDF-1.7\n"),
    HandedIn(given="برنامج المؤتمر والجلسات.docx", content=b"PK\x03\x04" + b"--=_0_" * 20_000),
    HandedIn(given="a note, with = and a name that goes on and on, to a second line.txt", content=b"x"),
)
"""Files to attach: longer than what a skeleton takes apart, and shorter; with names of every kind."""

CONTENTS = contents_of(FILES)


def carrying(mailing: Mailing, *files: HandedIn) -> Mailing:
    attached = tuple(attachment(each.name, each.content) for each in files)
    return mailing.model_copy(update={"attachments": attached})


FILED = EVENT.model_copy(
    update={
        "key": "filed",
        "mailings": tuple(carrying(each, *FILES[n % 5 :]) for n, each in enumerate(EVENT.mailings)),
    }
)
AGENDAS = {
    "one day": conference.version(),
    "oddly titled": conference.version(TITLED, number=2),
    "two days": two_days_in_french().model_copy(update={"number": 3}),
    "with files": conference.version(FILED, number=4),
}
WORDS = {"our own": TEXTS, "odd": GERMAN}
COMPOSERS = {"https": Composer(SENDER), "http": Composer(OVER_HTTP)}


@pytest.fixture
def composer() -> Composer:
    return Composer(SENDER)


def composed(by: Composer, recipient: Recipient = PRACTITIONER, **facts: Any) -> Composed:
    return by.compose(**(FACTS | facts), recipient=recipient)


def plainly(by: Composer, recipient: Recipient = PRACTITIONER, **facts: Any) -> Composed:
    return compose(**(FACTS | facts), recipient=recipient, sender=by.sender)


def person(**facts: Any) -> Recipient:
    return PRACTITIONER.model_copy(update=facts)


def skeleton_of(by: Composer, **facts: Any) -> Skeleton:
    return by._skeleton(**{name: value for name, value in (FACTS | facts).items() if name != "dated_at"})


def saying(**parts: str) -> dict[str, Any]:
    """An invitation in these words."""
    return {"texts": complete(**parts)}


class Work:
    """What was called, how often."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: Counter[str] = Counter()
        self._count(monkeypatch, Sandbox, "written")
        self._count(monkeypatch, ical, "write")
        self._count(monkeypatch, message, "write")

    def _count(self, monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> None:
        real = getattr(where, name)

        def counted(*args: Any, **named: Any) -> Any:
            self.done[f"{where.__name__.rpartition('.')[2]}.{name}"] += 1
            return real(*args, **named)

        monkeypatch.setattr(where, name, counted)


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    return Work(monkeypatch)


# ── the same bytes ───────────────────────────────────────────────────────────────────────────────────────────

SCRIPTS = st.sampled_from(
    [
        "Novak",
        "d'Été",
        "O’Brien",
        "حداد",
        "כהן",
        "東京",
        "😀👩‍🚀",
        "Ж" * 30,
        'Ana "the hawk"',
        "<b>&amp;",
        "Novak, Ana;",
        "a:b/c",
        "https://x.example",
        "%s {{7*7}}",
        "=?utf-8?q?x=0ABcc?=",
        "From",
        ".",
        "x" * 80,
        "a\u00a0b",
        "Ó Súilleabháin",
        "\\",
        "  two  blanks  ",
        "\u202eleft",
    ]
)
ONE_LINE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=40)
TEXTS_OF_STRANGERS = st.one_of(
    SCRIPTS, ONE_LINE, st.lists(SCRIPTS, min_size=1, max_size=6).map(" ".join), st.just("word " * 90)
)
READERS = st.builds(
    Recipient,
    address=st.sampled_from(
        [
            "ana@x.example",
            "o'brien+a@court.example",
            "jürgen@x.example",
            "A.B@x.example",
            "a=b@x.example",
            f"{'l' * 64}@{'d' * 60}.example",
        ]
    ),
    given_name=st.one_of(st.just(""), TEXTS_OF_STRANGERS),
    family_name=TEXTS_OF_STRANGERS,
    title=st.one_of(st.just(""), st.just("Dr"), TEXTS_OF_STRANGERS),
    role=st.sampled_from(Role),
    state=st.sampled_from([None, "AT", "BA", "KZ", "XX"]),
    institution=st.one_of(st.just(""), TEXTS_OF_STRANGERS),
    language=st.sampled_from([None, "en", "fr", "ar", "de", "fr-ca", "pt"]),
    timezone=st.sampled_from(
        [None, "Europe/Vienna", "Asia/Tashkent", "Pacific/Honolulu", "Africa/Casablanca"]
    ),
    sessions=st.sampled_from([(), ("session-1",), ("session-2", "session-1"), ("opening", "nowhere")]),
)


@settings(max_examples=300)
@given(
    readers=st.lists(READERS, min_size=1, max_size=4),
    agenda=st.sampled_from(sorted(AGENDAS)),
    kind=st.sampled_from(MailingKind),
    words=st.sampled_from(sorted(WORDS)),
    base=st.sampled_from(sorted(COMPOSERS)),
    late=st.integers(0, 3),
)
@example(
    readers=[person(language="de", family_name="From", title=""), PRACTITIONER],
    agenda="one day",
    kind=MailingKind.INVITATION,
    words="odd",
    base="https",
    late=0,
)
@example(
    readers=[person(language="fr"), PRACTITIONER],
    agenda="with files",
    kind=MailingKind.INVITATION,
    words="our own",
    base="https",
    late=0,
)
def test_letters_composed_together_are_those_written_with_the_standard_library(
    readers: list[Recipient], agenda: str, kind: MailingKind, words: str, base: str, late: int
) -> None:
    composer, version = COMPOSERS[base], AGENDAS[agenda]
    facts = FACTS | {
        "version": version,
        **conference.facts_of(kind, version),
        "texts": WORDS[words],
        "contents": CONTENTS,
    }
    del facts["dated_at"]
    dated = [DUE_AT + timedelta(minutes=late * number) for number in range(len(readers))]
    together = composer.together([*map(Reader, readers, dated)], **facts)
    for letter, recipient, dated_at in zip(together, readers, dated, strict=True):
        own = facts | {"recipient": recipient, "dated_at": dated_at}
        assert letter.raw == reference.composed(**own, sender=composer.sender)
        assert letter == compose(**own, sender=composer.sender)


def test_of_all_those_readers_most_were_composed_from_a_skeleton() -> None:
    """The test above would pass if nothing ever were."""
    for composer in COMPOSERS.values():
        for version in AGENDAS.values():
            for mailing in version.event.mailings:
                for recipient in conference.RECIPIENTS:
                    anchor = anchor_of(mailing)
                    skeleton = composer._skeleton(
                        version=version,
                        mailing=mailing,
                        anchor=anchor,
                        due_at=DUE_AT,
                        texts=TEXTS,
                        contents=CONTENTS,
                    )
                    assert all(skeleton.letters([Reader(recipient, DUE_AT)])), (
                        mailing.key,
                        recipient.address,
                    )


def test_every_kind_in_every_language_is_composed_from_a_skeleton(composer: Composer) -> None:
    for language in ("en", "fr", "ar", "de"):
        for mailing in EVENT.mailings:
            skeleton = composer._skeleton(
                version=conference.version(),
                mailing=mailing,
                anchor=anchor_of(mailing),
                due_at=DUE_AT,
                texts=GERMAN,
            )
            assert all(skeleton.letters([Reader(person(language=language), DUE_AT)])), (mailing.key, language)


def test_a_handle_that_is_known_is_not_worked_out(composer: Composer) -> None:
    handle = SENDER.signer.handle(EVENT.key, PRACTITIONER.address)
    assert composed(composer, handle=handle) == plainly(composer)


def test_a_handle_of_a_later_generation_is_in_every_letters_links(composer: Composer) -> None:
    """After somebody's links were revoked; also where a letter cannot be filled into a skeleton."""
    handle = SENDER.signer.handle(EVENT.key, PRACTITIONER.address, 1)
    for reader in (PRACTITIONER, PRACTITIONER.model_copy(update={"institution": "x" * 5000})):
        letter = composed(composer, reader, handle=handle)
        assert letter == compose(**FACTS, recipient=reader, sender=SENDER, handle=handle)
        page = SENDER.signer.links(SENDER.base_url, handle, ()).page
        assert f"\n{page}\n" in letter.text
        assert letter.text != plainly(composer, reader).text


@pytest.mark.parametrize("hours", [0, 5], ids=["UTC", "elsewhere"])
def test_equal_instants_written_differently_are_different_letters(composer: Composer, hours: int) -> None:
    zone = datetime.fromisoformat(f"2027-01-01T00:00+0{hours}:00").tzinfo
    composed(composer)
    dated = {"dated_at": FACTS["dated_at"].astimezone(zone)}
    for facts in (dated, dated | {"due_at": DUE_AT.astimezone(zone)}):
        assert composed(composer, **facts) == plainly(composer, **facts)


# ── next to no work ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mailing", EVENT.mailings, ids=lambda mailing: mailing.key)
def test_after_the_first_of_a_shape_nothing_is_rendered_and_no_calendar_written(
    composer: Composer, mailing: Mailing, work: Work
) -> None:
    facts: dict[str, Any] = {"mailing": mailing, "anchor": anchor_of(mailing)}
    composed(composer, **facts)
    assert work.done["Sandbox.written"] > 0
    work.done.clear()
    people = [
        person(given_name=name, address=f"{number}@x.example", state="BA")
        for number, name in enumerate(("Éva", "محمد", "A & B", "x" * 50))
    ]
    letters = [composed(composer, each, **facts) for each in people]
    assert work.done == {}
    assert letters == [plainly(composer, each, **facts) for each in people]


def test_zones_that_show_the_same_hours_are_one_shape(composer: Composer, work: Work) -> None:
    composed(composer, person(timezone="Europe/Vienna"))
    work.done.clear()
    for timezone in (None, "Europe/Ljubljana", "Europe/Berlin"):
        composed(composer, person(timezone=timezone))
    assert work.done == {}
    composed(composer, person(timezone="Asia/Almaty"))
    assert work.done["Sandbox.written"] > 0


def test_what_a_letter_does_not_read_makes_no_shape(composer: Composer, work: Work) -> None:
    composed(composer)
    work.done.clear()
    composed(composer, person(sessions=("session-1",), tags=("police",)))
    assert work.done == {}


def test_choices_are_a_shape_where_they_are_read(composer: Composer) -> None:
    practical = {"mailing": EVENT.mailing("practical")}
    for sessions in ((), ("session-1",), ("session-2", "session-4"), ("session-1",)):
        reader = person(sessions=sessions)
        assert composed(composer, reader, **practical) == plainly(composer, reader, **practical)


def test_skeletons_and_sheets_are_remembered_within_bounds(composer: Composer) -> None:
    for minute in range(MOST_SKELETONS + 2):
        composed(composer, due_at=DUE_AT + timedelta(minutes=minute), **saying(txt="{{ recipient.name }}"))
    assert len(composer._skeletons) == MOST_SKELETONS
    zones = saying(txt="{{ recipient.timezone }} {{ recipient.role }}")
    for number in range(MOST_SHEETS + 2):
        reader = person(role=list(Role)[number % 4], timezone=f"Etc/GMT{number // 4 - 11:+}")
        assert composed(composer, reader, **zones) == plainly(composer, reader, **zones)
    (tongue,) = skeleton_of(composer, **zones)._tongues.values()
    assert tongue
    assert len(tongue.shapes._sheets) == MOST_SHEETS


# ── words that depend on the reader's own texts ──────────────────────────────────────────────────────────────

PEOPLE = [
    person(family_name=name, title=title, address=f"{number}@x.example")
    for number, (name, title) in enumerate(
        [("Novak", "Dr"), ("Weiß", "Ms"), ("Novak", ""), ("حداد", "Dr"), ("Novak", "Dr"), ("Weiß", "Ms")] * 2
    )
]


@pytest.mark.parametrize(
    "template",
    [
        '{% if recipient.title == "Dr" %}Doctor{% else %}Friend{% endif %} {{ recipient.family_name }}',
        '{% if "a" in recipient.family_name %}a{% endif %} {{ recipient.title }}',
        "{{ recipient.family_name|upper }} {{ recipient.title }}",
        "{{ recipient.family_name|underlined }}",
        "{{ recipient.family_name|length }}",
        "{{ recipient.family_name|at_most(3) }}",
        '{{ recipient.full_name|beside("Name", 12) }}',
        "{% set words %}{{ recipient.family_name }}!{% endset %}{{ words|upper }}",
        '{% set words = "x" ~ recipient.family_name %}{% if words == "xNovak" %}it is{% endif %}',
        "{% macro m(x) %}{{ x }}{% endmacro %}{% if m(recipient.family_name) < 'P' %}early{% endif %}",
        "{% for letter in recipient.family_name %}{{ letter }}.{% endfor %}",
        "{% filter wrapped %}x {{ recipient.full_name|wrapped(3) }}{% endfilter %}",
        "y {{ recipient.full_name|wrapped }}",
        "{{ recipient.family_name.__len__ }}{{ recipient.title }}",
        '{{ recipient.family_name.startswith("N") and "N" }}',
        '{{ "%s!" % recipient.family_name }} {{ recipient.family_name * 2 }}',
        "{% if chosen_sessions == sessions %}all{% endif %}{{ recipient.role }}",
        "{% if session in chosen_sessions %}here{% endif %}",
        "{{ chosen_sessions|length }}",
        "{% if sessions|length > 3 and recipient.institution %}{{ recipient.institution }}{% endif %}",
        "\u2069{{ recipient.full_name|isolated }} \u2068{{ recipient.title }}\n\nhttps://{{ recipient.family_name }}",
        "{{ links.page }} {{ links.page|upper }} {{ recipient.name }} {{ links.unsubscribe }}",
    ],
)
@pytest.mark.parametrize("part", ["txt", "html", "subject"])
def test_a_template_that_decides_by_a_text_or_reshapes_it_gives_the_right_bytes(
    composer: Composer, template: str, part: str
) -> None:
    words = dict(complete(**{part: f"S {template}"}).texts)
    arabic = {path.replace("en.", "ar."): text for path, text in words.items() if path.startswith("invit")}
    facts = {"texts": Wording(texts=words | arabic), "anchor": "session-2"}
    for reader in PEOPLE:
        for language in ("en", "ar"):
            reader = reader.model_copy(update={"language": language})  # noqa: PLW2901
            sent, expected = (
                outcome(composed, composer, reader, facts),
                outcome(plainly, composer, reader, facts),
            )
            assert sent == expected


def outcome(how: Any, composer: Composer, reader: Recipient, facts: dict[str, Any]) -> object:
    try:
        return how(composer, reader, **facts)
    except WordingError as error:
        return str(error)


def test_a_text_words_depend_on_makes_a_sheet_when_it_comes_again(composer: Composer, work: Work) -> None:
    deciding = saying(txt='{{ recipient.name }}{% if recipient.title == "Dr" %}!{% endif %}')
    composed(composer, person(title="Dr"), **deciding)
    composed(composer, person(title="Dr"), **deciding)
    work.done.clear()
    composed(composer, person(title="Dr", given_name="Éva"), **deciding)
    assert work.done == {}
    composed(composer, person(title="Ms"), **deciding)
    assert work.done["message.write"] == 1


# ── where it cannot be ───────────────────────────────────────────────────────────────────────────────────────


def refused(composer: Composer, reader: Recipient, **facts: Any) -> bool:
    """Whether the skeleton leaves this letter to the plain way, which is then right."""
    skeleton = skeleton_of(composer, **facts)
    assert composed(composer, reader, **facts) == plainly(composer, reader, **facts)
    return skeleton.letters([Reader(reader, DUE_AT)]) == [None]


def test_characters_we_need_for_ourselves_are_left_alone(composer: Composer) -> None:
    event = EVENT.model_copy(update={"title": "A \ue000 title"})
    assert refused(composer, PRACTITIONER, version=conference.version(event))
    assert refused(composer, PRACTITIONER, **saying(txt="{{ recipient.name }} \ue801"))
    assert not refused(composer, person(family_name="\ue000 \ue001 \uf8ff"))


def test_very_long_texts_are_composed_plainly(composer: Composer) -> None:
    assert not refused(composer, person(institution="x" * (LONGEST_TEXTS // 2)))
    assert refused(composer, person(institution="x" * (LONGEST_TEXTS + 1)))
    assert refused(Composer(SENDER), person(institution="x" * (LONGEST_TEXTS + 1)))


def test_a_line_that_may_become_an_address_is_composed_plainly(composer: Composer) -> None:
    assert not refused(composer, EXPERT)
    assert refused(composer, EXPERT.model_copy(update={"institution": "http://x.example"}))


def test_isolates_over_several_lines_are_counted_or_else_composed_plainly(composer: Composer) -> None:
    def arabic(text: str) -> dict[str, Any]:
        parts = {"subject.txt": "S", "html": "H", "txt": text}
        return {"texts": Wording(texts={f"invitation/ar.{part}": words for part, words in parts.items()})}

    over_lines = arabic("\u2068x\n{{ recipient.name }} \u2068\ny\u2069\u2069\n\nz")
    assert not refused(composer, EXPERT, **over_lines)
    unbalanced = arabic("{% filter wrapped %}{{ recipient.name }} \u2069 \u2068{% endfilter %}\n\nz")
    for length in range(60, 76):
        name = {"given_name": "", "family_name": "x" * length}
        assert refused(composer, EXPERT.model_copy(update=name), **unbalanced)


def test_a_margin_that_is_lost_at_the_beginning_is_composed_plainly(composer: Composer) -> None:
    assert not refused(composer, PRACTITIONER, **saying(txt="A\n{{ recipient.full_name|wrapped(4) }}"))
    assert refused(composer, PRACTITIONER, **saying(txt="{{ recipient.full_name|wrapped(4) }}"))


def test_a_sheet_that_is_wrong_is_never_used(composer: Composer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "escaped", lambda text: text)
    assert refused(composer, PRACTITIONER)


def test_what_stops_a_letter_composed_plainly_stops_this_one(composer: Composer) -> None:
    composed(composer)
    with pytest.raises(UnsafeLetter, match="could break its line"):
        composed(composer, person(family_name="Novak\r\nBcc: e@x.example"))
    with pytest.raises(UnsafeLetter, match="not one plain address"):
        composed(composer, person(address="a@x, b@y"))
    with pytest.raises(UnsafeLetter, match="List-Unsubscribe"):
        composed(Composer(replace(SENDER, base_url=f"https://conference.example/{'x' * 990}")))
    with pytest.raises(WordingError, match="nobody"):
        composed(composer, **saying(txt="{{ nobody }}"))
    with pytest.raises(WordingError, match="subject is empty"):
        composed(composer, **saying(subject="{% if recipient.title %}{% endif %}"))
    with pytest.raises(KeyError):
        composed(composer, mailing=EVENT.mailing("session-reminder"), anchor="nowhere")


def test_what_is_out_of_the_ordinary_is_read_back(
    composer: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = b"To: <ana@x.example>\r\nBcc: <e@x.example>\r\n"
    composed(composer)
    monkeypatch.setattr(message, "reader_line", lambda _: hostile)
    assert composed(composer)
    with pytest.raises(UnsafeLetter, match="not those intended"):
        composed(composer, person(family_name="x" * 80))


def test_a_draft_under_the_same_number_is_another_agenda(composer: Composer) -> None:
    composed(composer)
    draft = conference.version(EVENT.model_copy(update={"title": "Another title"}))
    assert composed(composer, version=draft).subject.startswith("Invitation: Another title")
    again = conference.version(EVENT.model_copy())
    assert composed(composer, version=again) == plainly(composer)
    changed = EVENT.mailing("invitation").model_copy(update={"calendar": CalendarPart.NONE})
    assert composed(composer, mailing=changed).calendar is None


def test_a_far_reader_and_a_near_one_get_their_own_hours(composer: Composer) -> None:
    for reader in (PRACTITIONER, FAR_AWAY, PRACTITIONER):
        assert composed(composer, reader) == plainly(composer, reader)


# ── attached files ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_attached_file_is_encoded_once_for_all_letters(
    composer: Composer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For every shape of reader, in every language; and no skeleton has a copy of its own."""
    encoded: Counter[int] = Counter()
    real = message.base64_lines

    def counted(octets: bytes) -> bytes:
        encoded[len(octets)] += 1
        return real(octets)

    monkeypatch.setattr(message, "base64_lines", counted)
    facts = {"mailing": carrying(EVENT.mailing("invitation"), FILES[0]), "contents": CONTENTS}
    for language in ("en", "fr", "ar"):
        for state in ("AT", None):
            letter = composed(composer, person(language=language, state=state), **facts)
            assert real(FILES[0].content) in letter.raw
    assert encoded[len(FILES[0].content)] == 1

    (file,) = skeleton_of(composer, **facts).occasion.attached
    for tongue in skeleton_of(composer, **facts)._tongues.values():
        assert tongue
        assert any(piece is file.part for piece in tongue.cast.frame.body)
        for sheet_of_shape in tongue.shapes._sheets.values():
            if sheet_of_shape:
                assert any(piece is file.part for piece in sheet_of_shape._whole._fixed)


@pytest.mark.parametrize("mailing", EVENT.mailings, ids=lambda mailing: mailing.key)
def test_what_a_letter_says_is_the_same_with_files_and_the_calendar_is_untouched(
    composer: Composer, mailing: Mailing
) -> None:
    facts: dict[str, Any] = {"anchor": anchor_of(mailing), "contents": CONTENTS}
    without = composed(composer, **facts, mailing=mailing)
    with_files = composed(composer, **facts, mailing=carrying(mailing, *FILES))
    assert message.read_back(without.raw) == message.read_back(with_files.raw)
    assert with_files.entries == without.entries
    assert with_files.raw.count(b"Content-Disposition: attachment;") == len(FILES) + without.raw.count(
        b"Content-Disposition: attachment;"
    )


def test_a_letter_whose_files_are_not_there_is_not_composed(composer: Composer) -> None:
    facts: dict[str, Any] = {"mailing": carrying(EVENT.mailing("invitation"), FILES[0])}
    for how in (composed, plainly):
        with pytest.raises(ConvenorError, match=r"the content of programme\.pdf is not there"):
            how(composer, **facts)
