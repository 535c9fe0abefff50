"""Published versions and wordings, on both databases."""

import pytest

from mailer.errors import StoreError
from mailer.outbox import agendas
from mailer.outbox.database import Database
from tests.conference import EVENT, version


def test_the_latest_version_is_in_force_and_every_one_is_kept(database: Database) -> None:
    with database.writing() as c:
        assert agendas.latest(c, EVENT.key) is None
        for number in (1, 2, 10):
            agendas.publish(c, version(number=number))
        agendas.publish(c, version(EVENT.model_copy(update={"key": "another"}), number=11))
    with database.reading() as c:
        assert agendas.latest(c, EVENT.key) == version(number=10)
        assert agendas.version(c, EVENT.key, 2) == version(number=2)
        assert agendas.event_keys(c) == ["another", EVENT.key]
        with pytest.raises(KeyError):
            agendas.version(c, EVENT.key, 3)


def test_a_number_is_published_once(database: Database) -> None:
    renamed = EVENT.model_copy(update={"title": "Something else"})
    with database.writing() as c:
        agendas.publish(c, version(number=1))
    with pytest.raises(StoreError, match="published by somebody else"), database.writing() as c:
        agendas.publish(c, version(renamed, number=1))
    with database.reading() as c:
        assert agendas.latest(c, EVENT.key) == version(number=1)


def test_a_wording_is_kept_under_its_digest_and_never_replaced(database: Database) -> None:
    texts = {"subject": "Приглашение", "body": "Dear {{ name }},\n"}
    with database.writing() as c:
        agendas.keep_wording(c, "d1", texts)
        agendas.keep_wording(c, "d1", {"subject": "other"})
        assert agendas.wording(c, "d1") == texts
        with pytest.raises(KeyError):
            agendas.wording(c, "d2")
