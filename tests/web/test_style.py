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
