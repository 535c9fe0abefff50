"""A list of three hundred with twelve bad rows: every one is shown with its reason, and the others are taken over."""

from pathlib import Path

from playwright.sync_api import Page, expect

from mailer.outbox import audit, people
from tests.conference import EXPERT, PRACTITIONER
from tests.journeys.pictures import picture
from tests.web.desk import Desk

HEADINGS = (
    "E-Mail-Adresse;Vorname;Nachname;Anrede;Funktion;Staat;Dienststelle;Sprache;Zeitzone;Sitzungen;Bemerkung"
)
SOUND = "{address};{given};{family};Ms;practitioner;AT;Bundeskriminalamt;en;Europe/Vienna;session-1;x"
BAD = {
    3: (";Ana;One;Ms;practitioner;AT;;en;;;", "has no address"),
    28: ("a@x.example, b@x.example;Ana;Two;Ms;practitioner;AT;;en;;;", "is not one valid address"),
    53: ("аna@x.example;Ana;Three;Ms;practitioner;AT;;en;;;", "mixes alphabets"),
    78: ("four@x.example;Ana;Four;Ms;practitioner;Armanien;;en;;;", "is not a State"),
    103: ("five@x.example;Ana;Five;Ms;Kommissarin;AT;;en;;;", "there is no role"),
    128: ("six@x.example;Ana;Six;Ms;practitioner;AT;;Deutschisch;;;", "is not a language"),
    153: ("seven@x.example;Ana;Seven;Ms;practitioner;AT;;en;CET;;", "is not a place with a time zone"),
    178: ("eight@x.example;Ana;Eight;Ms;practitioner;AT;;en;;session-9;", "the agenda has no session"),
    203: ("nine@x.example;;;Ms;practitioner;AT;;en;;;", "has no name"),
    228: ("ten@x.example;=?utf-8?q?x?=;Ten;Ms;practitioner;AT;;en;;;", "looks like an encoded header"),
    253: ("eleven@x.example;Ana\x07;Eleven;Ms;practitioner;AT;;en;;;", "control character"),
    278: ("twelve@x.example;Ana;Twelve", "has 3 cells where the first row has 11"),
}


def the_list() -> str:
    """Three hundred rows behind the headings; one of them says something new of somebody who is listed."""
    rows = []
    for number in range(2, 302):
        if number in BAD:
            rows.append(BAD[number][0])
        elif number == 2:
            rows.append(f"{PRACTITIONER.address};{PRACTITIONER.given_name};Novak-Kovač;;practitioner;SI;;;;;")
        else:
            rows.append(SOUND.format(address=f"p{number}@x.example", given="Eva", family=f"Muster {number}"))
    return "\n".join([HEADINGS, *rows]) + "\n"


def test_a_list_with_twelve_bad_rows(desk: Desk, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "Teilnehmer.csv"
    file.write_text(the_list(), "utf-8")
    with desk.database.reading() as c:
        before = len(people.roster(c, desk.office.event))
    page.goto("/people")
    page.get_by_role("link", name="Take over a list").click()
    page.get_by_label("A list as CSV or XLSX").set_input_files(file)
    page.get_by_role("button", name="Look at it").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Teilnehmer.csv")
    assert page.get_by_label("Nachname").input_value() == "family_name"
    assert page.get_by_label("Bemerkung").input_value() == ""
    refused = page.locator("#difference table").first.locator("tbody tr")
    expect(refused).to_have_count(12)
    for row, (number, (_, why)) in zip(refused.all(), BAD.items(), strict=True):
        expect(row.locator("th")).to_have_text(str(number))
        expect(row).to_contain_text(why)
    expect(page.locator(".sums")).to_contain_text("287 added")
    expect(page.locator(".change", has_text="Novak-Kovač")).to_be_visible()
    picture(page, "people-import")

    page.get_by_role("button", name="Take it over").click()
    expect(page.get_by_role("alert")).to_contain_text("Some rows are refused")
    with desk.database.reading() as c:
        assert len(people.roster(c, desk.office.event)) == before

    page.get_by_label("Go on without the 12 refused rows").check()
    page.get_by_role("button", name="Take it over").click()
    expect(page.get_by_role("status")).to_contain_text("287 added, 1 changed")
    page.goto("/people")
    page.get_by_label("Beginnings of a name").press_sequentially("kovac")
    expect(page.locator("#found tbody tr")).to_have_count(1)
    expect(page.locator("#found")).to_contain_text("Novak-Kovač")
    with desk.database.reading() as c:
        listed = {each.recipient.address: each.recipient for each in people.roster(c, desk.office.event)}
        deed = audit.deeds(c)[0]
    assert len(listed) == before + 287
    assert listed[EXPERT.address] == EXPERT  # whom the file does not name
    assert listed[PRACTITIONER.address].sessions == ()
    assert (deed.did, deed.what.partition(":")[0]) == ("took over a list", "Teilnehmer.csv")
