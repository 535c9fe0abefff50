"""The life of a letter: its states, what may happen to it, and nothing else. The store obeys this table.

    waiting ──claim──> claimed ──intend──> leaving ──accepted──> sent
       ^                  │                   ├──refused──────> failed ──retried──> waiting
       ├──released────────┘                   ├──put_off──────> deferred ──claim──> claimed
       │                                      └──lost─────────> in_doubt
       └──repeated (once, byte-identical)─────────────────────────┘

`leaving` is written durably before the final dot of DATA (RFC 5321 4.1.1.4); whoever finds a letter there
without its owner knows that the server may or may not have it (RFC 1047), and calls it `in_doubt`.
"""

from enum import StrEnum


class LetterState(StrEnum):
    WAITING = "waiting"
    CLAIMED = "claimed"
    LEAVING = "leaving"
    SENT = "sent"
    DEFERRED = "deferred"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    SUPPRESSED = "suppressed"
    WITHDRAWN = "withdrawn"
    MISSED = "missed"


class Happening(StrEnum):
    CLAIMED = "claimed"
    RELEASED = "released"  # the owner let go, or its lease ran out, before the intent
    INTENDED = "intended"  # the dot is about to be sent
    ACCEPTED = "accepted"  # 2xx after the dot
    PUT_OFF = "put_off"  # 4xx, or the connection failed before the intent
    REFUSED = "refused"  # 5xx
    LOST = "lost"  # no reply after the dot, or the owner died after the intent
    REPEATED = "repeated"  # in doubt, and its kind may be sent once more
    FOUND = "found"  # in doubt, and evidence shows that the server has it
    NOT_FOUND = "not_found"  # in doubt, and evidence shows that the server never had it
    WITHDRAWN = "withdrawn"  # its occasion moved or was cancelled, or its reader is no longer asked
    SUPPRESSED = "suppressed"  # its reader unsubscribed
    EXPIRED = "expired"  # no longer useful
    RETRIED = "retried"  # it failed, so that nobody has it, and a person has it sent again


S, H = LetterState, Happening

TRANSITIONS: dict[tuple[LetterState, Happening], LetterState] = {
    (S.WAITING, H.CLAIMED): S.CLAIMED,
    (S.DEFERRED, H.CLAIMED): S.CLAIMED,
    (S.CLAIMED, H.RELEASED): S.WAITING,
    (S.CLAIMED, H.INTENDED): S.LEAVING,
    (S.CLAIMED, H.PUT_OFF): S.DEFERRED,
    (S.CLAIMED, H.REFUSED): S.FAILED,
    (S.LEAVING, H.ACCEPTED): S.SENT,
    (S.LEAVING, H.PUT_OFF): S.DEFERRED,
    (S.LEAVING, H.REFUSED): S.FAILED,
    (S.LEAVING, H.LOST): S.IN_DOUBT,
    (S.IN_DOUBT, H.FOUND): S.SENT,
    (S.IN_DOUBT, H.NOT_FOUND): S.WAITING,
    (S.IN_DOUBT, H.REPEATED): S.WAITING,
    (S.WAITING, H.WITHDRAWN): S.WITHDRAWN,
    (S.DEFERRED, H.WITHDRAWN): S.WITHDRAWN,
    (S.CLAIMED, H.WITHDRAWN): S.WITHDRAWN,
    (S.WAITING, H.SUPPRESSED): S.SUPPRESSED,
    (S.DEFERRED, H.SUPPRESSED): S.SUPPRESSED,
    (S.CLAIMED, H.SUPPRESSED): S.SUPPRESSED,
    (S.WAITING, H.EXPIRED): S.MISSED,
    (S.DEFERRED, H.EXPIRED): S.MISSED,
    (S.FAILED, H.RETRIED): S.WAITING,
}

FINAL = frozenset({S.SENT, S.FAILED, S.SUPPRESSED, S.WITHDRAWN, S.MISSED})
"""Nothing happens to these any more by itself."""

OWNED = frozenset({S.CLAIMED, S.LEAVING})
"""Somebody has a lease on these."""

ENDS_AN_ATTEMPT = frozenset({H.ACCEPTED, H.PUT_OFF, H.REFUSED, H.LOST})

CLAIMABLE = frozenset(before for before, happening in TRANSITIONS if happening is H.CLAIMED)

UNSENT = CLAIMABLE | {S.CLAIMED}
"""Not yet on their way: these follow when the agenda or their reader changes."""


def after(state: LetterState, happening: Happening) -> LetterState:
    """The state a letter is in afterwards. Raises ValueError for what cannot happen in that state."""
    try:
        return TRANSITIONS[state, happening]
    except KeyError:
        raise ValueError(f"a letter that is {state} cannot be {happening}") from None


def states_before(happening: Happening) -> frozenset[LetterState]:
    """The states in which it can happen: the WHERE of every update of a state."""
    return frozenset(before for before, what in TRANSITIONS if what is happening)
