"""What the pages are shown from, put together by whoever starts them. Knows no route and no template."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mailer.accounts import Accounts, Passwords, strong
from mailer.composition.composing import Sender
from mailer.composition.wording import Wording
from mailer.delivery.profiles import TRAY, Profile
from mailer.delivery.tray import Tray
from mailer.mailings import Mailings, Post
from mailer.outbox.database import Database
from mailer.starting import Setup


@dataclass(frozen=True, kw_only=True)
class Office:
    """One event's desk. `event` is the key of the event shown, nothing while there is none; `clock` gives aware UTC.

    `tray` is None when letters leave through a mail server; `profile` is what that bears. `notes` gives sentences
    shown on top. `languages` are those a person may choose to be written to in. `is_demo`: the example is shown, whose
    letters stay in the tray, and whoever sits at this machine needs no account. `texts` are what letters are written
    from. `setup` is for beginning an event, and is not there where none can be begun. `post` sends a letter to try, and
    says through what; None: there is no trying.
    """

    database: Database
    event: str
    sender: Sender
    tray: Tray | None
    clock: Callable[[], datetime]
    notes: Callable[[], Sequence[str]] = tuple
    profile: Profile = TRAY
    languages: tuple[str, ...] = ("ar", "en", "fr")
    is_demo: bool = False
    setup: Setup | None = None
    texts: Wording = field(default_factory=lambda: Wording(texts={}))
    post: Post | None = None
    passwords: Passwords = field(default_factory=strong)

    @property
    def accounts(self) -> Accounts:
        """Who may use the pages."""
        return Accounts(database=self.database, passwords=self.passwords)

    def mailings(self, by: str = "") -> Mailings:
        """The event's mailings at this moment, in the hands of `by`."""
        return Mailings(database=self.database, event=self.event, sender=self.sender, now=self.clock(), by=by)
