"""The rehearsal as a film: a published agenda played once, kept small, and looked at moment by moment.

Playing is `rehearsal`'s, without the files that letters carry. Of what leaves, the film keeps when, what, and whose it
is; one person's life is played when somebody asks for it, with its letters.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from functools import cached_property
from threading import Lock, Thread

from mailer import rehearsal
from mailer.agenda.model import AgendaVersion, Attachment
from mailer.agenda.rules import EVENT
from mailer.composition.composing import Sender
from mailer.composition.wording import Wording
from mailer.errors import ConvenorError
from mailer.lately import Beside
from mailer.planning.due import Member
from mailer.rehearsal import Heard

MOST_PLAYERS = 300
"""People who play, the first on the list: each has some ten letters, all of which are written and sent to the tray."""

_LIVES_KEPT = 20


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What leaves of one mailing at one moment. `readers` are numbers of people, in the order of their addresses."""

    mailing: str
    title: str
    about: str
    audience: str
    due_at: datetime
    subject: str
    readers: tuple[int, ...]
    unsent: tuple[tuple[str, int], ...]
    files: tuple[Attachment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Film:
    """`names` are those of the people who play."""

    version: AgendaVersion
    scenes: tuple[Scene, ...]
    names: dict[int, str]

    @cached_property
    def _by_moment(self) -> dict[datetime, tuple[Scene, ...]]:
        found: dict[datetime, tuple[Scene, ...]] = {}
        for scene in sorted(self.scenes, key=lambda each: each.due_at):
            found[scene.due_at] = (*found.get(scene.due_at, ()), scene)
        return found

    @property
    def moments(self) -> tuple[datetime, ...]:
        """When anything leaves, in order."""
        return tuple(self._by_moment)

    def at(self, moment: datetime) -> tuple[Scene, ...]:
        return self._by_moment.get(moment, ())

    def until(self, moment: datetime) -> int:
        """How many letters have left by then."""
        return sum(len(scene.readers) for scene in self.scenes if scene.due_at <= moment)


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """One letter as its reader has it; `calendar` is the file in it, or nothing. The `files` that go with it are named,
    and were left out when it was played.
    """

    due_at: datetime
    mailing: str
    subject: str
    text: str
    calendar: str
    files: tuple[Attachment, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Playing:
    """The film is not ready: `moment` is how far it is, None before it began, and `letters` so many have left."""

    moment: datetime | None = None
    letters: int = 0


@dataclass(frozen=True, kw_only=True)
class Torn:
    """The film cannot be played, for this reason."""

    why: str


def play(
    version: AgendaVersion,
    members: Sequence[Member],
    *,
    sender: Sender,
    texts: Wording,
    heard: Heard,
) -> Film:
    """The film of these people. Raises ConvenorError as `rehearsal.rehearse`."""
    played = rehearsal.rehearse(
        rehearsal.without_files(version),
        [each.recipient for each in members],
        sender=sender,
        texts=texts,
        heard=heard,
    )
    numbers = {each.recipient.address: each.id for each in members}
    readers: dict[tuple[str, str, datetime], list[int]] = {}
    for letter in played.letters:
        readers.setdefault((letter.mailing, letter.anchor, letter.due_at), []).append(numbers[letter.address])
    titles = {session.key: session.title for session in version.event.sessions}
    scenes = [
        Scene(
            mailing=each.mailing,
            title=each.title,
            about="" if each.anchor == EVENT else titles.get(each.anchor, each.anchor),
            audience=each.audience,
            due_at=each.due_at,
            subject=each.sample_subject,
            readers=tuple(readers.get((each.mailing, each.anchor, each.due_at), ())),
            unsent=tuple(sorted(each.unsent.items())),
            files=version.event.mailing(each.mailing).attachments,
        )
        for each in played.occasions
    ]
    return Film(
        version=version,
        scenes=tuple(sorted(scenes, key=lambda scene: (scene.due_at, scene.mailing, scene.about))),
        names={each.id: each.recipient.full_name for each in members},
    )


def life(version: AgendaVersion, member: Member, *, sender: Sender, texts: Wording) -> tuple[Arrived, ...]:
    """Every letter that one person gets, in order. Raises ConvenorError as `rehearsal.rehearse`."""
    played = rehearsal.rehearse(
        rehearsal.without_files(version), [member.recipient], sender=sender, texts=texts
    )
    titles = {each.mailing: each.title for each in played.occasions}
    return tuple(
        replace(
            _arrived(each.due_at, titles[each.mailing], each.subject, each.raw),
            files=version.event.mailing(each.mailing).attachments,
        )
        for each in played.letters
    )


def _arrived(due_at: datetime, mailing: str, subject: str, raw: bytes) -> Arrived:
    message = message_from_bytes(raw, _class=EmailMessage, policy=SMTP)
    found: dict[str, str] = {}
    for part in message.walk():
        if part.get_content_maintype() == "text":
            found.setdefault(part.get_content_type(), str(part.get_content()))
    return Arrived(
        due_at=due_at,
        mailing=mailing,
        subject=subject,
        text=found.get("text/plain", ""),
        calendar=found.get("text/calendar", ""),
    )


class _OvertakenError(Exception):
    """Another film is wanted by now."""


@dataclass(kw_only=True)
class Projector:
    """The newest film of each event, played beside the pages, and the lives that were last asked for. Threads may share
    it.
    """

    _films: dict[str, tuple[Hashable, Film | Playing | Torn]] = field(default_factory=dict)
    _lives: Beside[tuple[Arrived, ...]] = field(default_factory=lambda: Beside(most=_LIVES_KEPT))
    _lock: Lock = field(default_factory=Lock)

    def film(self, event: str, of: Hashable, play: Callable[[Heard], Film]) -> Film | Playing | Torn:
        """The event's film, if it is one `of` what is given, such as a version and a list; else it is begun, once, and
        one of anything else that is being played breaks off.
        """
        with self._lock:
            kept = self._films.get(event)
            if kept and kept[0] == of:
                return kept[1]
            self._films[event] = of, Playing()
        Thread(target=self._play, args=(event, of, play), name="rehearsing", daemon=True).start()
        return Playing()

    def _play(self, event: str, of: Hashable, play: Callable[[Heard], Film]) -> None:
        def heard(moment: datetime, letters: int) -> None:
            if not self._keep(event, of, Playing(moment=moment, letters=letters)):
                raise _OvertakenError

        try:
            self._keep(event, of, play(heard))
        except _OvertakenError:
            return
        except ConvenorError as error:
            self._keep(event, of, Torn(why=str(error)))
        except Exception:
            self._keep(event, of, Torn(why="it broke off; it has been noted"))
            raise

    def _keep(self, event: str, of: Hashable, film: Film | Playing | Torn) -> bool:
        """Whether it is wanted still: unless another one is being played by now."""
        with self._lock:
            is_wanted = self._films.get(event, (None,))[0] == of
            if is_wanted:
                self._films[event] = of, film
        return is_wanted

    def life(
        self, of: Hashable, now: datetime, live: Callable[[], tuple[Arrived, ...]], *, is_long: bool
    ) -> tuple[Arrived, ...]:
        """What `live` gives, or gave when it was last asked for; one that `is_long` is played beside.

        Raises:
            NotYet: it is being played.
        """
        return (self._lives.get if is_long else self._lives.at_once)(
            of, None, now, lambda heard: live()
        ).value
