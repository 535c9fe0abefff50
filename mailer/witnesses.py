"""Who may know whether a server has a letter in doubt, and what all of them together say. What follows is `settling`'s.

Each witness is asked about Message-IDs. Of what one does not know another may; what nobody could be asked about yet
is told apart from what nobody knows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from mailer.errors import ConvenorError
from mailer.inbox.sent import Looked
from mailer.outbox.doubts import Doubt

THE_TRAY = "the tray"
"""Where a letter was going, in the note of its intent, when no mail server was set."""

EVIDENCE_COMES_WITHIN = timedelta(minutes=2)
"""After a letter was lost sight of: a carrier that was only frozen wakes up and tells of its 250 after all, and a
reader who has the letter may answer.
"""

COPIES_ARE_FILED_WITHIN = timedelta(minutes=10)
"""Providers file the copy of what was sent when it has gone through their checks, minutes later on a bad day."""

ASKED_EVERY = timedelta(minutes=1)
ASKED_LATER_EVERY = timedelta(hours=1)
"""How often the Sent folder is read for letters that are long in doubt: a person was shown them."""

ASKED_ABOUT = 100
"""Letters at one look at the Sent folder, those last in doubt first."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is said of one letter: who found it, who can say that it never came, who could not be asked yet; and how
    long after it was lost sight of more may come.
    """

    found: str = ""
    not_found: str = ""
    unheard: str = ""
    comes_within: timedelta = EVIDENCE_COMES_WITHIN


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What a witness says of Message-IDs. Of what was `asked` but is in neither of the others it knows nothing;
    what is not `asked` was left for later. `trouble` says why nobody could look.
    """

    asked: frozenset[str] = frozenset()
    found: frozenset[str] = frozenset()
    not_found: frozenset[str] = frozenset()
    trouble: str = ""


class Witness(Protocol):
    """Somebody who may know which letters a server has. What comes back shows it, too: `collecting` sees to that."""

    @property
    def name(self) -> str:
        """As it stands in `found in ...`."""

    @property
    def speaks_within(self) -> timedelta:
        """How long after a letter was lost sight of its evidence may still come."""

    def knows_of(self, doubt: Doubt) -> bool:
        """Whether it is worth asking about this letter at all."""

    def testify(self, since: Mapping[str, datetime], now: datetime) -> Statement:
        """What it knows of these letters: Message-ID -> when it was lost sight of. Never raises for being away."""


@dataclass(frozen=True, kw_only=True)
class TrayWitness:
    """The tray keeps a letter durably before it says 250: it alone can say what it never had."""

    holds: Callable[[str], bool]
    name: str = THE_TRAY
    speaks_within: timedelta = timedelta(0)

    def knows_of(self, doubt: Doubt) -> bool:
        return doubt.through == THE_TRAY

    def testify(self, since: Mapping[str, datetime], now: datetime) -> Statement:
        asked = frozenset(since)
        found = frozenset(filter(self.holds, asked))
        return Statement(asked=asked, found=found, not_found=asked - found)


@dataclass(kw_only=True)
class SentWitness:
    """The Sent folder of the account: a copy in it proves that the server has the letter, a missing one nothing.

    It is asked every minute at most, and once an hour about what has been in doubt for an hour; what troubled it
    the last time holds until then.
    """

    look: Callable[[Sequence[str]], Looked]
    name: str = "the Sent folder"
    speaks_within: timedelta = COPIES_ARE_FILED_WITHIN
    _asked_at: dict[str, datetime] = field(default_factory=dict, repr=False)
    _trouble: str = ""

    def knows_of(self, doubt: Doubt) -> bool:
        return doubt.through != THE_TRAY

    def testify(self, since: Mapping[str, datetime], now: datetime) -> Statement:
        newest = sorted(since, key=lambda each: since[each], reverse=True)
        asked = [each for each in newest if self._is_due(each, since[each], now)][:ASKED_ABOUT]
        if not asked:
            return Statement(trouble=self._trouble)
        try:
            looked = self.look(asked)
        except ConvenorError as error:
            looked = Looked(trouble=str(error))
        self._trouble = looked.trouble
        self._asked_at = {each: self._asked_at[each] for each in newest if each in self._asked_at}
        self._asked_at |= dict.fromkeys(asked, now)
        heard = looked.found | looked.missing
        return Statement(asked=heard, found=looked.found, trouble=looked.trouble)

    def _is_due(self, message_id: str, since: datetime, now: datetime) -> bool:
        rests_for = ASKED_EVERY if now - since < ASKED_LATER_EVERY else ASKED_LATER_EVERY
        last = self._asked_at.get(message_id)
        return last is None or now - last >= rests_for


def hear(
    witnesses: Sequence[Witness], doubted: Mapping[str, Doubt], now: datetime
) -> tuple[dict[str, Evidence], tuple[str, ...]]:
    """What all witnesses together say of these letters, both by Message-ID, and what troubles them."""
    heard = dict.fromkeys(doubted, Evidence())
    troubles: list[str] = []
    for witness in witnesses:
        since = {each: doubt.doubted_at for each, doubt in doubted.items() if witness.knows_of(doubt)}
        if not since:
            continue
        said = witness.testify(since, now)
        troubles += [said.trouble] if said.trouble else []
        for each in since:
            heard[each] = _with(heard[each], witness, each, said)
    return heard, tuple(troubles)


def _with(evidence: Evidence, witness: Witness, message_id: str, said: Statement) -> Evidence:
    """The first witness who says a thing is the one that is named."""
    comes_within = max(evidence.comes_within, witness.speaks_within)
    name = witness.name
    if message_id in said.found:
        return replace(evidence, found=evidence.found or name, comes_within=comes_within)
    if message_id in said.not_found:
        return replace(evidence, not_found=evidence.not_found or name, comes_within=comes_within)
    unheard = evidence.unheard or ("" if message_id in said.asked else name)
    return replace(evidence, unheard=unheard, comes_within=comes_within)
