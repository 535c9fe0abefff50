"""What no database can hold is nothing, and no page breaks of it, whichever database it is."""

from dataclasses import replace
from pathlib import Path

from mailer.outbox.database import Database
from tests.web.desk import open_desk
from tests.web.test_door import OURS

LOOKS = (
    "/e/a%00b",
    "/e/%00/all.ics",
    "/people/list?q=a%00@b.example",
    "/people/list?state=%00",
    "/outbox?mailing=a%00b",
    "/outbox?q=a%00@b.example",
    "/agenda/versions/2147483648",
    "/agenda/versions/1/since/9223372036854775807",
    "/api/agenda/versions/2147483648",
    "/api/agenda/versions?before=2147483648",
    "/mailings/invitation?to=a%00b",
    "/mailings/invitation/letter.html?to=a%00b",
)
FORMS = (
    ("/outbox/pause", "reason=a%00b"),
    ("/inbox/clear", "address=a%00b"),
    ("/accounts/close", "name=a%00b"),
    ("/mailings/invitation/wording/en", "seen=a%00b&subject=x&text=x&html=x"),
)


def test_what_no_database_can_hold_is_nothing(database: Database, tmp_path: Path) -> None:
    with open_desk(tmp_path) as opened:
        office = replace(opened.office, database=database)
        desk = replace(
            opened, database=database, office=office, service=replace(opened.service, database=database)
        )
        desk.publish()
        browser = desk.browser()
        form = {**OURS, "Content-Type": "application/x-www-form-urlencoded"}

        met = {path: browser.get(path).status_code for path in LOOKS}
        met |= {
            path: browser.post(path, content=content, headers=form).status_code for path, content in FORMS
        }

    assert {path: status for path, status in met.items() if status >= 500} == {}
    assert met["/e/a%00b"] == met["/agenda/versions/2147483648"] == 404
