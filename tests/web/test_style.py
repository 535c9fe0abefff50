"""The style sheet: one bracket left open, and everything behind it is for narrow screens alone."""

import re

from mailer.web.pages import STATIC


def test_every_bracket_is_closed_before_the_next_section_begins() -> None:
    sheet = (STATIC / "site.css").read_text("utf-8")
    sections = re.split(r"^/\* ── .*? ── \*/$", sheet, flags=re.MULTILINE)
    assert len(sections) > 5
    for section in sections:
        bare = re.sub(r"/\*.*?\*/", "", section, flags=re.DOTALL)
        assert bare.count("{") == bare.count("}"), bare[:200]


def test_in_the_dark_a_page_is_another_in_its_colours_alone() -> None:
    """So that whatever has nothing to do with colours needs to be judged in the light alone."""
    sheet = re.sub(r"/\*.*?\*/", "", (STATIC / "site.css").read_text("utf-8"), flags=re.DOTALL)
    (dark,) = re.findall(r"@media[^{]*prefers-color-scheme[^{]*\{\s*:root\s*\{([^{}]*)\}\s*\}", sheet)

    assert sheet.count("prefers-color-scheme") == 1
    assert all(each.strip().startswith("--") for each in dark.split(";") if each.strip())
