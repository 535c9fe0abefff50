"""Loading, choosing a language, writing a letter with strangers' text in it, and finding every fault at once."""

from pathlib import Path

import pytest

from mailer.agenda.model import MailingKind
from mailer.composition import wording
from mailer.composition.sandbox import LONGEST_PART
from mailer.composition.wording import Wording
from mailer.errors import BadInput
from mailer.settings import ROOT
from tests import conference
from tests.composition.writing import KIND, complete, rendered, values


def test_the_digest_stands_for_every_path_and_text() -> None:
    one, other = Wording(texts={"a.txt": "x", "b.txt": "y"}), Wording(texts={"b.txt": "y", "a.txt": "x"})
    assert one == other
    assert one.digest == other.digest
    assert one.digest != Wording(texts={"a.txt": "xb.txt", "": "y"}).digest
    assert one.digest == "8fd8b4a95f8bda0d11a1caa1bcb817f397e54cba1fe3d79533274088164d3d3e"


def test_load_reads_the_folder_by_relative_paths(tmp_path: Path) -> None:
    (tmp_path / "invitation").mkdir()
    (tmp_path / "invitation" / "en.txt").write_bytes(b"\xef\xbb\xbfDear\r\nall")
    (tmp_path / "notes.md").write_text("not a template")
    assert wording.load(tmp_path).texts == {"invitation/en.txt": "Dear\nall"}


def test_load_reports_every_unreadable_file_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    (tmp_path / "b.html").write_bytes(b"x" * (LONGEST_PART + 1))
    with pytest.raises(BadInput) as caught:
        wording.load(tmp_path)
    assert str(caught.value) == "a.txt: is not UTF-8 (byte 4)\nb.html: is larger than 256 kB"


def test_load_refuses_a_folder_without_templates(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no templates"):
        wording.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("languages", "chosen"),
    [
        (("fr", "en"), "fr"),
        (("fr-ca", "en"), "fr"),
        (("de", "fr"), "fr"),
        ((None, "fr"), "fr"),
        (("de", "it"), "en"),
        (("ar", "fr"), "fr"),  # Arabic has begun but lacks parts
        ((), "en"),
    ],
)
def test_the_language_falls_back_from_reader_to_event_to_english(
    languages: tuple[str | None, ...], chosen: str
) -> None:
    begun = {f"invitation/fr.{part}": "Bonjour" for part in wording.PARTS} | {"invitation/ar.txt": "مرحبا"}
    texts = {**complete().texts, **begun}
    assert wording.choose_language(Wording(texts=texts), KIND, *languages) == chosen


def test_dates_follow_the_language_written_not_the_one_asked_for() -> None:
    words = wording.render(complete(txt="{{ event.starts|day }}"), KIND, values(language="fr"), "fr", "en")
    assert (words.language, words.text) == ("en", "Wednesday, 10 March 2027\n")


def test_rendering_is_deterministic_and_needs_no_languages() -> None:
    template = complete(txt="{{ event.title }} {{ sessions|length }}")
    assert wording.render(template, KIND, values()) == wording.render(template, KIND, values(), "en")


HOSTILE = [
    "{{7*7}}",
    "{% raw %}",
    "{x}",
    "%(x)s",
    "<script>alert(1)</script>",
    "\"'><img src=x>",
    "&amp;",
    "{#",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_values_are_printed_literally_and_escaped_in_html(name: str) -> None:
    recipient = conference.PRACTITIONER.model_copy(update={"family_name": name})
    words = rendered(
        recipient,
        subject="{{ recipient.family_name }}",
        txt="{{ recipient.family_name }}",
        html='<p title="{{ recipient.family_name }}">{{ recipient.family_name }}</p>',
    )
    escaped = name
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;"), ("'", "&#39;")):
        escaped = escaped.replace(character, entity)
    assert (words.subject, words.text) == (name, name + "\n")
    assert words.html == f'<p title="{escaped}">{escaped}</p>\n'


def test_values_stay_escaped_through_macros_filters_and_blocks() -> None:
    recipient = conference.PRACTITIONER.model_copy(update={"family_name": "<b>"})
    template = (
        "{% macro m(x) %}{{ x }}{{ caller() }}{% endmacro %}"
        "{% set kept %}{{ recipient.family_name }}{% endset %}"
        "{% call m(recipient.family_name) %}{{ recipient.family_name }}{% endcall %}{{ kept }}"
        "{{ recipient.family_name|upper }}{{ recipient.family_name|isolated }}"
    )
    html = rendered(recipient, html=template).html
    assert html == "&lt;b&gt;" * 3 + "&lt;B&gt;" + "&lt;b&gt;\n"


def test_every_problem_is_reported_at_once() -> None:
    texts = dict(complete(txt="{{ nobody }}\n{{ event.titel }}").texts)
    del texts["report/en.html"]
    texts |= {"agenda/fr.txt": "{% if %}", "letters/en.txt": "stray"}
    found = [str(problem) for problem in wording.check(Wording(texts=texts), "en")]
    assert found == [
        "agenda/fr.txt:1: Expected an expression, got 'end of statement block'",
        "invitation/en.txt:1: 'nobody' is not known",
        "invitation/en.txt:2: 'event.titel' is not known; did you mean 'event.title'?",
        "agenda/fr.html: is missing",
        "agenda/fr.subject.txt: is missing",
        "report/en.html: is missing",
        "letters/en.txt: belongs to no kind of letter and is never used",
    ]


def test_a_language_without_letters_is_a_warning() -> None:
    problems = wording.check(complete(), "en", "de", "de", None)
    assert {problem.warning for problem in problems} == {True}
    assert [problem.file for problem in problems] == [f"{kind}/" for kind in MailingKind]


@pytest.mark.parametrize("role", ["focal_point", "practitioner", "expert", "speaker"])
def test_a_fault_that_one_role_alone_would_meet_is_found(role: str) -> None:
    """Where a role is asked for in one part alone, behind a condition, or by another name."""
    fault = f'{{% set who = recipient %}}{{% if who.role == "{role}" %}}{{{{ session.title }}}}{{% endif %}}'
    behind = f"{{% if sessions|length %}}{{% if recipient.institution %}}{fault}{{% endif %}}{{% endif %}}"
    for part in ("txt", "html"):
        for template in (fault, behind):
            (problem,) = wording.check(complete(**{part: template}), "en")
            assert (problem.file, problem.row) == (f"{KIND}/en.{part}", 1)
            assert "has no attribute 'title'" in problem.message


def test_texts_can_be_left_out() -> None:
    whole = Wording(texts={"a/en.txt": "a", "a/fr.txt": "b"})

    assert whole.without(["a/fr.txt", "a/nothing.txt"]) == Wording(texts={"a/en.txt": "a"})


def test_what_a_whole_language_shares_is_tried_with_all_its_letters() -> None:
    texts = wording.load(ROOT / "templates")
    path = wording.phrases_of("fr")
    assert wording.check_language(texts, "fr") == []

    lacking = texts.texts[path].replace("{% set your_page", "{% set your_leaf")
    found = wording.check_language(texts.with_texts({path: lacking}), "fr")
    assert {each.file.partition("/")[0] for each in found} >= {"layout"}
    counting = texts.with_texts({path: texts.texts[path] + "{% set bomb = 7 * 7 %}"})
    assert [each.file for each in wording.check_language(counting, "fr")] == [path]
    huge = texts.with_texts({path: "{% set a = '" + "a" * LONGEST_PART + "' %}"})
    assert any("larger than" in each.message for each in wording.check_language(huge, "fr"))
