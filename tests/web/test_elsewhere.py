"""Addresses that add an entry to a calendar on the web."""

from urllib.parse import parse_qs, urlsplit

import pytest

from mailer.web.delegate.elsewhere import services
from tests.conference import EVENT

PLACE = (
    "Großer Vortragssaal, Federal Ministry of the Interior of the Republic of Austria, Minoritenplatz 9, "
    "1010 Vienna"
)


def asked(address: str) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(address).query, strict_parsing=True).items()}


def test_the_conference_is_added_everywhere_with_its_hours_title_and_place() -> None:
    told = {each.name: asked(each.address) for each in services(EVENT, None)}
    outlook = {
        "path": "/calendar/action/compose", "rru": "addevent", "subject": EVENT.title, "location": PLACE,
        "startdt": "2027-03-10T07:45:00Z", "enddt": "2027-03-10T16:00:00Z",
    }  # fmt: skip
    assert told == {
        "Google": {
            "action": "TEMPLATE", "text": EVENT.title, "dates": "20270310T074500Z/20270310T160000Z", "location": PLACE,
        },
        "Outlook.com": outlook,
        "Microsoft 365": outlook,
        "Yahoo": {
            "v": "60", "title": EVENT.title, "st": "20270310T074500Z", "et": "20270310T160000Z", "in_loc": PLACE,
        },
    }  # fmt: skip


@pytest.mark.parametrize("title", ["A & B = C? #1 100%", "Größe: “ß” / \\", "جلسة", 'x" onclick="alert(1)'])
def test_whatever_stands_in_a_title_arrives_as_it_is(title: str) -> None:
    session = EVENT.session("session-1").model_copy(update={"title": title, "room": "Room 2"})
    for each in services(EVENT, session):
        values = asked(each.address).values()
        assert title in values
        assert any(value.startswith("Room 2, Federal Ministry") for value in values)
        assert '"' not in each.address
