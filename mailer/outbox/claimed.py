"""What passes between the outbox and those who carry its letters: a letter that is claimed, and what happened to it.

Plain values that may cross to another process. They are tuples, for each letter takes several; the database is left to
`claims`.
"""

from datetime import datetime
from typing import Any, NamedTuple, Self

from mailer.outbox.letter import Happening
from mailer.recipients.model import Recipient

SentEntry = tuple[str, str, int, bool, bool, datetime]
"""A calendar object that a letter carries: `event` or a session's key, its UID and SEQUENCE, whether its reader is
asked (REQUEST) or shown (PUBLISH), whether it is cancelled by it, and its DTSTAMP.
"""

WrittenFrom = tuple[int, int, str]
"""What a letter was written from: agenda version, the recipient's revision, the wording's digest."""


class ClaimedLetter(NamedTuple):
    """A letter and all that composing it needs; it is `owner`'s until the lease ends.

    `fence` grows with every claim. `attempts` are those that ended earlier. `address` is the reader's, in lower
    case, and `document` what the list says of them, in JSON. `repeats` is set when this copy may be the second: the
    SHA-256 that its bytes must have. `upkeep` is the digest of what it does to entries that are held, where that is not
    what its mailing says.
    """

    id: int
    fence: int
    owner: str
    event: str
    version: int
    mailing: str
    anchor: str
    due_at: datetime
    dated_at: datetime
    wording: str
    recipient_id: int
    revision: int
    attempts: int
    handle: str
    address: str
    document: str
    repeats: str | None
    upkeep: str | None = None

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        """Pickled in half the time that a named tuple takes by itself."""
        return type(self), tuple(self)

    @property
    def key(self) -> tuple[int, int]:
        """This letter under this claim."""
        return self.id, self.fence

    @property
    def of_mailing(self) -> tuple[str, int, str]:
        """The version's mailing that it belongs to."""
        return self.event, self.version, self.mailing

    @property
    def of_occasion(self) -> tuple[object, ...]:
        """What letters have in common that are composed together."""
        return self.event, self.version, self.mailing, self.anchor, self.due_at, self.wording, self.upkeep

    @property
    def recipient(self) -> Recipient:
        return Recipient.model_validate_json(self.document)

    @property
    def written_from(self) -> WrittenFrom:
        return self.version, self.revision, self.wording


class Change(NamedTuple):
    """What the owner of a claim says happened. With INTENDED go, in place of a reply, what the letter is to leave
    through, and `digest` (SHA-256 of the bytes); with ACCEPTED `entries`; with PUT_OFF `retry_at`, and whether the try
    is `charged`: not if the fault was the line's or ours.
    """

    letter: ClaimedLetter
    happening: Happening
    reply: str = ""
    digest: str | None = None
    entries: tuple[SentEntry, ...] = ()
    retry_at: datetime | None = None
    charged: bool = True
