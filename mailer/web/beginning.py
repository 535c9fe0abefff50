"""Before there is an event: the pages on which one is begun, served until the service can run it."""

import socket
from collections.abc import Callable
from threading import Event as Signal

from mailer.web.office import Office
from mailer.web.organiser.account import first_account
from mailer.web.serving import serve

_LOOKS_EVERY = 0.5  # seconds


def await_event(office: Office, listener: socket.socket, is_there: Callable[[], bool], stop: Signal) -> None:
    """Until there is one, or `stop` is set. The listener stays open: who asks meanwhile is answered by the service."""
    with serve(office, listener.dup()) as address:
        shown = office.setup.shown if office.setup else "an event"
        said = first_account(office, address) or (f"Sign in to begin it: {address}/start",)
        print("\n".join((f"There is no {shown} yet.", *said)), flush=True)
        while not is_there() and not stop.wait(_LOOKS_EVERY):
            pass
