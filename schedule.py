"""The service: settings -> parts -> heartbeat -> run. `python schedule.py [agenda/mine.toml]`."""

import signal
import sys
from functools import partial
from pathlib import Path
from threading import Event as Signal

from mailer import settings as environment
from mailer import terminal, wallclock
from mailer.clock import SteadyClock
from mailer.errors import ConvenorError
from mailer.furnishing import office_of, office_without_event
from mailer.heartbeat import Heartbeat
from mailer.opening import is_there, open_event
from mailer.outbox.database import open_database
from mailer.outlook import outlook
from mailer.parts import elapsed, open_parts, utc_now
from mailer.standing import standing
from mailer.web.beginning import await_event
from mailer.web.organiser.account import first_account
from mailer.web.serving import reserve, serve


def main(arguments: list[str]) -> int:
    wallclock.use_packaged_tzdata()
    path, stop = Path(arguments[0]) if arguments else environment.EXAMPLE, Signal()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        settings, clock = environment.load(), SteadyClock(utc_now, elapsed)
        listener, database = reserve(settings.port), open_database(settings.database_url)
        if not path.exists():
            beginning = office_without_event(path, settings, database, utc_now)
            await_event(beginning, listener, lambda: is_there(path, settings, database), stop)
            if stop.is_set():
                return 0
        opened = open_event(path, settings, database, utc_now())
        with open_parts(settings, database, opened.event, opened.texts, clock) as parts:
            opened.publish_if_first(parts.service, utc_now())
            office, heartbeat = office_of(path, parts, opened, utc_now), Heartbeat(parts, clock)
            with serve(office, listener) as address, heartbeat.beating():
                ready = (f"Convenor is ready: {address}", *first_account(office, address), *opened.notes)
                print("\n".join(ready), flush=True)
                terminal.watch(
                    partial(standing, database, opened.event), utc_now, stop, address=address,
                    trouble=lambda: clock.trouble or heartbeat.trouble,
                    further=partial(outlook, database, parts.relay.profile),
                )  # fmt: skip
            print("Stopped; the next start goes on where this one ended.", flush=True)
    except ConvenorError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
