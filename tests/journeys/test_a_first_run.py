"""Journey (a): from nothing to the first letter in the tray, with the program as a newcomer has it, in a browser."""

import re

from playwright.sync_api import Browser

from tests.acceptance.conftest import Project, project
from tests.journeys.pictures import picture
from tests.test_starting import LIST

PATIENCE = 90_000  # milliseconds


__all__ = ["project"]


def test_from_nothing_to_the_first_letter(project: Project, chromium: Browser) -> None:
    service = project.start("agenda/mine.toml")
    service.wait_until(lambda: "/welcome/" in service.log.read_text())
    link = re.search(r"http://\S+/welcome/\S+", service.log.read_text())
    assert link
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(PATIENCE)

    page.goto(link[0])
    page.get_by_label("Name").fill("Maria Huber")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Make the account").click()

    page.wait_for_url("**/start")
    picture(page, "start")
    page.get_by_label("Nothing but one session").check()
    page.get_by_label("Title", exact=True).fill("A quiet day")
    page.get_by_label("Day", exact=True).fill("2037-03-10")
    page.get_by_label("Venue", exact=True).fill("A house")
    page.get_by_label("Street", exact=True).fill("A street 1")
    page.get_by_label("City", exact=True).fill("A city")
    page.get_by_label("Organiser", exact=True).fill("A secretariat")
    page.get_by_label("Organiser's address").fill("office@secretariat.example")
    page.get_by_label("People").set_input_files(
        {"name": "people.csv", "mimeType": "text/csv", "buffer": LIST}
    )
    page.get_by_role("button", name="Begin", exact=True).click()

    page.get_by_role("heading", name=re.compile("It is begun|To the first letter")).wait_for()
    service.wait_until_ready()
    page.goto(f"http://127.0.0.1:{service.port}/start")
    page.get_by_role("heading", name="To the first letter").wait_for()
    assert "1 on the list" in page.inner_text("main")
    picture(page, "start-checklist")

    service.wait_until(lambda: project.copies().total() == 1)
    page.get_by_role("link", name="Tray").click()
    page.get_by_role("link", name="A quiet day").first.click()
    assert "ana@uni.example" in page.inner_text("main")
    page.close()
