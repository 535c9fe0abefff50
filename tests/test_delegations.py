"""Where the delegations stand, added up from what the database counted."""

from mailer.delegations import ByName, Circle, Delegation, Stand, added_up
from mailer.outbox.responses import Counted, Response
from mailer.recipients.model import Role


def counted(role: Role, state: str | None, response: Response, people: int = 1, troubled: int = 0) -> Counted:
    return Counted(
        role=role, state=state, tags=(), response=response, people=people, unsubscribed=0, troubled=troubled
    )


R, F, P = Response, Role.FOCAL_POINT, Role.PRACTITIONER

COUNTED = [
    counted(F, "AM", R.SILENT, troubled=1),
    counted(F, "AT", R.ACCEPTED),
    counted(F, "AT", R.SILENT, 2, troubled=1),
    counted(F, "JP", R.EARLIER),
    counted(F, "BR", R.DECLINED),
    counted(F, None, R.ACCEPTED),
    counted(P, "AM", R.ACCEPTED, 3),
    counted(P, None, R.SILENT, 2, troubled=1),
]


def test_every_state_and_partner_is_on_the_board() -> None:
    board = added_up([])

    assert (len(board.of(Circle.STATE)), len(board.of(Circle.PARTNER)), board.of(Circle.OTHER)) == (
        57,
        11,
        [],
    )
    assert board.count(Stand.NOT_INVITED) == 68
    assert board.asked == 0
    names = [each.name for each in board.delegations]
    assert names == sorted(names)


def test_a_delegation_stands_as_its_focal_points_do() -> None:
    board = added_up(COUNTED)
    armenia, austria, japan, brazil = (board.delegation(code) for code in ("AM", "AT", "JP", "BR"))

    assert armenia == Delegation(state="AM", circle=Circle.STATE, invited=1, bounced=1, nominated=3)
    assert austria == Delegation(state="AT", circle=Circle.STATE, invited=3, answered=1, bounced=1)
    assert [each.stand for each in (armenia, austria, japan, brazil) if each] == [
        Stand.BOUNCED,
        Stand.ANSWERED,
        Stand.SILENT,
        Stand.ANSWERED,
    ]
    assert board.of(Circle.OTHER) == [brazil]
    assert board.of(Circle.STATE, Stand.BOUNCED) == [armenia]
    assert board.delegation("XX") is None


def test_those_who_come_by_name_are_counted_apart() -> None:
    board = added_up(COUNTED)

    assert board.by_name == (
        ByName(role=P, invited=5, answered=3, bounced=1),
        ByName(role=Role.EXPERT),
        ByName(role=Role.SPEAKER),
    )
    assert board.asked == 11
