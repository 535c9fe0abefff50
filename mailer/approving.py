"""What an approval is bound to, and who may give it. Pure: what is kept of it is the outbox's.

A mailing is made of three parts: the agenda with what it says of this mailing, the wording of its kind, and the people
it may reach. Of each there is a SHA-256; an approval holds while all three are the same. What people decide for
themselves (their answers, the sessions they choose, their language and time zone) is no edit: whoever it selects was
among those that were approved, and each language's wording was.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mailer.agenda.model import Approval, Event, Mailing
from mailer.composition.wording import Wording
from mailer.recipients import audience
from mailer.recipients.model import Recipient

OWN_AFFAIR = {"language", "timezone"}
"""What people may choose on their page in the place of what the list says."""

_BY_HAND = " (command line)"
_NOT_OF_A_MAILING = {"mailings", "recipient_lists"}


@dataclass(frozen=True, kw_only=True)
class Matter:
    """What is approved, as three SHA-256 in hexadecimal."""

    agenda: str
    wording: str
    recipients: str

    @property
    def digest(self) -> str:
        """All three as one."""
        return _digest((self.agenda, self.wording, self.recipients))

    def differs(self, other: "Matter") -> list[str]:
        """The names of the parts that are not the same, as people call them."""
        named = {"agenda": "the agenda", "wording": "the wording", "recipients": "the recipients"}
        return [told for part, told in named.items() if getattr(self, part) != getattr(other, part)]


def matters(
    event: Event, mailings: Sequence[Mailing], texts: Wording, listed: Iterable[Recipient]
) -> Mapping[str, Matter]:
    """What each mailing is made of, by key. The people are seen once, one after the other; their order is no matter."""
    wanted = [(mailing.key, audience.parse(mailing.audience)) for mailing in mailings]
    people: dict[str, list[bytes]] = {mailing.key: [] for mailing in mailings}
    for each in listed:
        said = hashlib.sha256(each.model_dump_json(exclude=OWN_AFFAIR).encode()).digest()
        for key, asked in wanted:
            if audience.may_match(asked, each):
                people[key].append(said)
    agenda = event.model_dump_json(exclude=_NOT_OF_A_MAILING)
    return {
        mailing.key: Matter(
            agenda=_digest((agenda, _said_of(mailing))),
            wording=_wording(texts, mailing),
            recipients=hashlib.sha256(b"".join(sorted(people[mailing.key]))).hexdigest(),
        )
        for mailing in mailings
    }


def edited(old: Event, new: Event) -> tuple[bool, frozenset[str]]:
    """Whether what the agenda says of all mailings differs, and the keys of those of which it says something else."""
    was, now = ({each.key: each for each in event.mailings} for event in (old, new))
    of_all = old.model_dump(exclude=_NOT_OF_A_MAILING) != new.model_dump(exclude=_NOT_OF_A_MAILING)
    return of_all, frozenset(key for key in was.keys() | now.keys() if was.get(key) != now.get(key))


def unseen(edits: Iterable[tuple[int, str]], approved: Sequence[tuple[int, str]]) -> tuple[str, ...]:
    """Who has changed something that nobody else has approved since, in alphabetical order. Both are editions with who
    made them, or approved under them: whoever approved their own changes has shown them to nobody.
    """

    def is_seen(number: int, by: str) -> bool:
        return any(at >= number and _person(by) != _person(other) for at, other in approved)

    return tuple(sorted({by for number, by in edits if not is_seen(number, by)}))


def refusal(policy: Approval, by: str, hands: Iterable[str]) -> str:
    """Why `by` may not approve what these `hands` have changed and nobody else approved; nothing if they may."""
    if policy is Approval.NONE:
        return "this event asks for no approval: its mailings leave by themselves"
    for each in hands:
        if policy is Approval.FOUR_EYES and _person(by) == _person(each):
            return f"{each} has had a hand in it: somebody else is to approve it"
    return ""


def by_hand(user: str) -> str:
    """What somebody is called who acts at the command line."""
    return f"{user}{_BY_HAND}"


def _person(name: str) -> str:
    """One who has an account and the same name at the command line has two eyes all the same."""
    return name.removesuffix(_BY_HAND).casefold()


def _said_of(mailing: Mailing) -> str:
    """What the agenda says of it; one without files says what it said before there were any."""
    return mailing.model_dump_json(exclude=set() if mailing.attachments else {"attachments"})


def _wording(texts: Wording, mailing: Mailing) -> str:
    """Letters of a kind are written from its own folder and from what all kinds share."""
    theirs = (f"{mailing.kind}/", "layout/")
    paths = sorted(path for path in texts.texts if path.startswith(theirs))
    return _digest(piece for path in paths for piece in (path, texts.texts[path]))


def _digest(pieces: Iterable[str]) -> str:
    whole = hashlib.sha256()
    for piece in pieces:
        whole.update(len(piece.encode()).to_bytes(8, "big") + piece.encode())
    return whole.hexdigest()
