"""The service: settings -> parts -> heartbeat -> run. `python schedule.py [agenda/mine.toml]`."""

import signal
import sys
from functools import partial
from pathlib import Path
from threading import Event as Signal

from mailer import settings as environment
from mailer import terminal, wallclock
from mailer.agenda.model import MailingKind
from mailer.clock import SteadyClock
from mailer.composition.wording import languages_of
from mailer.errand import errand_with
from mailer.errors import ConvenorError
from mailer.heartbeat import Heartbeat
from mailer.opening import Notes, is_there, open_event, setup_of
from mailer.outbox.database import open_database
from mailer.outlook import outlook
from mailer.parts import elapsed, open_parts, send_by_hand, sender_of, utc_now
from mailer.standing import standing
from mailer.web.beginning import await_event
from mailer.web.office import Office
from mailer.web.organiser.account import first_account
from mailer.web.serving import reserve, serve


def main(arguments: list[str]) -> int:
    wallclock.use_packaged_tzdata()
    path = Path(arguments[0]) if arguments else environment.EXAMPLE
    stop = Signal()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings, clock = environment.load(), SteadyClock(utc_now, elapsed)
        listener = reserve(settings.port)
        database = open_database(settings.database_url)
        if not path.exists():
            sender = sender_of(settings, database, "")
            nothing = Office(
                database=database, event="", sender=sender, tray=None, clock=utc_now,
                setup=setup_of(path, settings, hands=partial(errand_with, path, settings, database)),
            )  # fmt: skip
            await_event(nothing, listener, lambda: is_there(path, settings, database), stop)
            if stop.is_set():
                return 0
        opened = open_event(path, settings, database, utc_now())
        with open_parts(settings, database, opened.event, opened.texts, clock) as parts:
            opened.publish_if_first(parts.service, utc_now())
            notes = Notes(path, settings, database, opened)
            sender = parts.service.sender
            office = Office(
                database=database, event=opened.event, sender=sender, tray=parts.tray,
                clock=utc_now, notes=lambda: notes(utc_now()), profile=parts.relay.profile,
                languages=languages_of(opened.texts, MailingKind.INVITATION),
                is_demo=opened.is_example and parts.tray is not None, texts=opened.texts,
                setup=setup_of(path, settings, lambda a: errand_with(path, settings, database).send_test(a)),
                post=partial(send_by_hand, settings),
            )  # fmt: skip
            heartbeat = Heartbeat(parts, clock)
            with serve(office, listener) as address:
                heartbeat.start()
                try:
                    ready = (f"Convenor is ready: {address}", *first_account(office, address), *opened.notes)
                    print("\n".join(ready), flush=True)
                    look = partial(standing, database, opened.event)
                    terminal.watch(
                        look, utc_now, stop, address=address, trouble=lambda: clock.trouble or heartbeat.trouble,
                        further=partial(outlook, database, parts.relay.profile),
                    )  # fmt: skip
                finally:
                    heartbeat.stop()
                print("Stopped; the next start goes on where this one ended.", flush=True)
    except ConvenorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
