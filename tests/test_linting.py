"""What is doubtful about a mailing is said before it leaves."""

import re

from mailer.agenda.attaching import HandedIn, attach, contents_of
from mailer.agenda.changes import next_version
from mailer.agenda.model import Mailing
from mailer.composition import wording
from mailer.composition.composing import Composed, Sender, compose
from mailer.composition.links import Signer
from mailer.composition.wording import Wording
from mailer.linting import Finding, lint
from mailer.planning import due
from mailer.settings import ROOT
from tests.conference import EVENT, PRACTITIONER, PUBLISHED_AT

TEXTS = wording.load(ROOT / "templates")
VERSION = next_version(None, EVENT, PUBLISHED_AT)
INVITATION = EVENT.mailing("invitation")


def letter(texts: Wording = TEXTS, base_url: str = "https://conference.example") -> Composed:
    sender = Sender(signer=Signer(b"k" * 32), base_url=base_url)
    occasion = due.occasion(VERSION, INVITATION, "event", None)
    return compose(
        version=VERSION, mailing=INVITATION, anchor="event", recipient=PRACTITIONER, due_at=occasion.due_at,
        dated_at=occasion.due_at, texts=texts, sender=sender,
    )  # fmt: skip


def doubts(
    texts: Wording = TEXTS, languages: tuple[str, ...] = ("en",), mailing: Mailing = INVITATION, **how: str
) -> dict[str, str]:
    found = lint(VERSION, mailing, texts, languages, letter(texts, **how), PRACTITIONER)
    return {each.about: each.says for each in found if each.is_doubtful}


def _with(path: str, old: str, new: str) -> Wording:
    assert old in TEXTS.texts[path]
    return TEXTS.with_texts({path: TEXTS.texts[path].replace(old, new)})


def test_the_example_is_sound_but_for_its_long_title() -> None:
    assert set(doubts()) <= {"Subject"}


def test_what_was_looked_at_is_said() -> None:
    found = lint(VERSION, INVITATION, TEXTS, ("en",), letter(), PRACTITIONER)

    assert Finding(about="Calendar", says="REQUEST, 1 entry of version 1, sound") in found
    assert {"Size", "Links", "Languages", "Spam"} <= {each.about for each in found}


def test_a_language_nobody_wrote_is_doubtful() -> None:
    assert "prefer de" in doubts(languages=("en", "de", "fr-ca"))["Languages"]
    found = lint(VERSION, INVITATION, TEXTS, ("en", "de", "fr-ca"), letter(), PRACTITIONER)
    assert [each.missing for each in found if each.about == "Languages"] == [("de",)]


def test_links_to_this_machine_are_doubtful() -> None:
    assert "CONVENOR_BASE_URL" in doubts(base_url="http://127.0.0.1:8400")["Links"]


def test_a_placeholder_that_a_translation_lacks_is_named() -> None:
    text = TEXTS.texts["invitation/fr.txt"].replace("links.page", "event.title")
    html = TEXTS.texts["invitation/fr.html"].replace("links.page", "event.title")
    texts = TEXTS.with_texts({"invitation/fr.txt": text, "invitation/fr.html": html})

    assert "links.page" in doubts(texts)["Placeholders, fr"]


def test_a_long_subject_is_doubtful() -> None:
    assert doubts(TEXTS.with_texts({"invitation/en.subject.txt": "x" * 79 + "\n"}))["Subject"]
    assert "Subject" not in doubts(TEXTS.with_texts({"invitation/en.subject.txt": "x" * 78 + "\n"}))


def test_a_letter_that_is_cut_off_is_doubtful() -> None:
    texts = _with("invitation/en.html", "{% block letter %}", "{% block letter %}" + "<p>padding</p>" * 8_000)

    assert "cut it off" in doubts(texts)["Size"]


def test_an_entry_for_somebody_else_is_doubtful() -> None:
    other = PRACTITIONER.model_copy(update={"address": "other@ministry.example"})
    found = lint(VERSION, INVITATION, TEXTS, ("en",), letter(), other)

    assert any("not the only one" in each.says for each in found if each.about == "Calendar")


def test_a_filter_that_would_not_take_it_is_doubtful() -> None:
    found = lint(
        VERSION, INVITATION, TEXTS, ("en",), letter(), PRACTITIONER, spam=lambda _: "rspamd: reject, 16 / 15"
    )

    assert found[-1] == Finding(about="Spam", says="rspamd: reject, 16 / 15", is_doubtful=True)


def test_the_whole_letters_size_is_said_and_a_heavy_one_is_doubtful() -> None:
    def said(size: int) -> Finding:
        file = HandedIn(given="programme.pdf", content=bytes(size))
        event = attach(EVENT, "invitation", [file])
        mailing, version = event.mailing("invitation"), next_version(None, event, PUBLISHED_AT)
        carrying = compose(
            version=version, mailing=mailing, anchor="event", recipient=PRACTITIONER, due_at=PUBLISHED_AT,
            dated_at=PUBLISHED_AT, texts=TEXTS, sender=Sender(signer=Signer(b"k" * 32), base_url="https://x.example"),
            contents=contents_of([file]),
        )  # fmt: skip
        found = lint(version, mailing, TEXTS, ("en",), carrying, PRACTITIONER)
        return next(each for each in found if each.about == "Attachments")

    assert re.fullmatch(r"1 file; the whole letter has 1[4-9]\d kB", said(100_000).says)
    assert not said(100_000).is_doubtful
    heavy = said(800_000)
    assert heavy.is_doubtful
    assert heavy.says.startswith("the letter has 1.1 MB, above 1 MB: a link")
    assert not any(
        each.about == "Attachments" for each in lint(VERSION, INVITATION, TEXTS, (), letter(), PRACTITIONER)
    )
