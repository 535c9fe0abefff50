"""The film of an event's life: played once, kept small, and looked at moment by moment."""

import threading
from dataclasses import replace
from functools import partial
from threading import Event as Signal

import pytest

from mailer import film
from mailer.agenda.attaching import HandedIn, attach
from mailer.agenda.changes import next_version
from mailer.composition import wording
from mailer.composition.composing import Sender
from mailer.composition.links import Signer
from mailer.errors import ConvenorError
from mailer.film import Arrived, Film, Playing, Projector, Torn
from mailer.planning.due import Member
from mailer.rehearsal import Heard
from mailer.settings import ROOT
from tests.conference import EVENT, PRACTITIONER, PUBLISHED_AT, RECIPIENTS

VERSION = next_version(None, EVENT, PUBLISHED_AT)
SENDER = Sender(signer=Signer(b"a secret key for the tests alone"), base_url="https://conference.example")
MEMBERS = [Member(id=7 + n, recipient=who, joined_at=PUBLISHED_AT) for n, who in enumerate(RECIPIENTS)]


@pytest.fixture(scope="module")
def played() -> Film:
    return film.play(
        VERSION,
        MEMBERS,
        sender=SENDER,
        texts=wording.load(ROOT / "templates"),
        heard=lambda *_: None,
    )


def test_the_first_moment_is_the_publication_and_everybody_is_invited(played: Film) -> None:
    (first,) = played.at(played.moments[0])

    assert (first.mailing, first.due_at) == ("invitation", PUBLISHED_AT)
    assert set(first.readers) == {each.id for each in MEMBERS}
    assert played.until(PUBLISHED_AT) == len(RECIPIENTS)


def test_every_moment_has_its_scenes_in_order(played: Film) -> None:
    assert list(played.moments) == sorted({scene.due_at for scene in played.scenes})
    assert sum(len(played.at(moment)) for moment in played.moments) == len(played.scenes)
    assert played.until(played.moments[-1]) == sum(len(scene.readers) for scene in played.scenes)
    assert played.names[7] == RECIPIENTS[0].full_name
    assert len(played.names) == len(RECIPIENTS)


def test_one_life_is_what_the_film_says_of_that_person(played: Film) -> None:
    member = next(each for each in MEMBERS if each.recipient == PRACTITIONER)

    lived = film.life(VERSION, member, sender=SENDER, texts=wording.load(ROOT / "templates"))

    theirs = [scene for scene in played.scenes if member.id in scene.readers]
    assert [(each.due_at, each.mailing) for each in lived] == [
        (scene.due_at, scene.title) for scene in theirs
    ]
    assert "METHOD:REQUEST" in lived[0].calendar
    assert PRACTITIONER.family_name in lived[0].text


SHOWN = Film(version=VERSION, scenes=(), names={})


def test_a_film_is_played_once_for_a_version_and_a_list() -> None:
    projector, go, done, times = Projector(), Signal(), Signal(), []

    def play(heard: Heard) -> Film:
        times.append(1)
        heard(PUBLISHED_AT, 5)
        done.set()
        assert go.wait(10)
        return SHOWN

    assert projector.film("one", 1, play) == Playing()
    assert done.wait(10)
    assert projector.film("one", 1, play) == Playing(moment=PUBLISHED_AT, letters=5)
    go.set()
    _wait(projector, 1)
    assert projector.film("one", 1, play) == SHOWN
    assert len(times) == 1
    assert isinstance(projector.film("one", 2, play), Playing)
    _wait(projector, 2)
    assert len(times) == 2


def test_a_film_that_cannot_be_played_says_why() -> None:
    projector = Projector()

    def play(_heard: Heard) -> Film:
        raise ConvenorError("a letter cannot be composed")

    projector.film("one", 1, play)
    _wait(projector, 1)

    assert projector.film("one", 1, play) == Torn(why="a letter cannot be composed")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_film_that_breaks_off_says_so_and_nobody_waits_for_it() -> None:
    projector = Projector()

    def play(_heard: Heard) -> Film:
        raise ZeroDivisionError

    projector.film("one", 1, play)
    _wait(projector, 1)

    assert projector.film("one", 1, play) == Torn(why="it broke off; it has been noted")


def test_a_film_that_is_overtaken_is_not_shown() -> None:
    projector, go = Projector(), Signal()

    def slow(_heard: Heard) -> Film:
        assert go.wait(10)
        return Film(version=VERSION, scenes=(), names={})

    projector.film("one", 1, slow)
    projector.film("one", 2, lambda _heard: SHOWN)
    go.set()
    _wait(projector, 2)

    assert projector.film("one", 2, slow) == SHOWN


def test_a_film_that_is_overtaken_breaks_off() -> None:
    """Or films of a list that changes all the time would be played one beside the other."""
    projector, go, heard_of = Projector(), Signal(), list[int]()

    def slow(heard: Heard) -> Film:
        assert go.wait(10)
        for number in range(3):
            heard_of.append(number)
            heard(VERSION.published_at, number)
        return SHOWN

    projector.film("one", 1, slow)
    projector.film("one", 2, lambda _heard: SHOWN)
    go.set()
    _wait(projector, 2)

    assert heard_of == [0]
    assert projector.film("one", 2, slow) == SHOWN


def test_lives_are_kept_for_a_while() -> None:
    projector, asked = Projector(), []

    def live(who: int) -> tuple[Arrived, ...]:
        asked.append(who)
        return ()

    for who in (1, 1, *range(2, 22), 1):
        projector.life(who, VERSION.published_at, partial(live, who), is_long=False)

    assert asked == [1, *range(2, 22), 1]


def _wait(projector: Projector, of: int) -> None:
    """Until what is played beside is over."""
    for thread in _threads():
        thread.join(10)
    assert not isinstance(projector.film("one", of, lambda _heard: SHOWN), Playing)


def _threads() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "rehearsing"]


def test_a_film_is_played_without_the_files_that_letters_carry() -> None:
    """It keeps none of the letters, and three hundred people's with files would take gigabytes."""
    file = HandedIn(given="programme.pdf", content=b"%PDF")
    version = VERSION.model_copy(update={"event": attach(VERSION.event, "invitation", [file])})
    member = MEMBERS[0]
    texts = wording.load(ROOT / "templates")
    with_them = film.life(version, member, sender=SENDER, texts=texts)
    without = film.life(VERSION, member, sender=SENDER, texts=texts)
    assert [replace(each, files=()) for each in with_them] == list(without)
    assert [(each.name, each.size) for each in with_them[0].files] == [("programme.pdf", 4)]
    assert not any(each.files for each in with_them[1:])
