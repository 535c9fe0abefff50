"""A tally as a bar of 100: each kind of answer with its words, where it begins and how wide it is. It draws nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from mailer.replies import CATEGORIES, Group, Tally

WORDS = {
    "accepted": "Will attend",
    "tentative": "Perhaps",
    "delegated": "Sends somebody else",
    "declined": "Declined",
    "silent": "No answer yet",
}
ROLES = {
    "focal_point": "Focal points",
    "practitioner": "Practitioners",
    "expert": "Experts",
    "speaker": "Speakers",
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """One kind of answer; `look` is its class in the style sheet."""

    look: str
    words: str
    count: int
    start: float
    width: float


def of(tally: Tally) -> list[Part]:
    """All five, also those of nobody; together they fill the bar, unless nobody is asked."""
    parts, before = [], 0
    total = max(1, tally.asked)
    for category in CATEGORIES:
        count = getattr(tally, category)
        look = "none" if category == "silent" else category
        start, end = round(100 * before / total, 2), round(100 * (before + count) / total, 2)
        parts.append(
            Part(look=look, words=WORDS[category], count=count, start=start, width=round(end - start, 2))
        )
        before += count
    return parts


def spoken(tally: Tally) -> str:
    """A bar in words, for those who cannot see it: `2 will attend, 1 no answer yet`."""
    told = [f"{part.count:,} {part.words.lower()}" for part in of(tally) if part.count]
    return ", ".join(told) or "nobody is asked"


def remarks(tally: Tally) -> Iterator[tuple[int, str]]:
    """(how many, in words) of what is said beside the categories; nothing that is zero."""
    told = (
        (tally.earlier, "of the silent answered an earlier version"),
        (tally.unsubscribed, "unsubscribed"),
        (
            tally.troubled,
            "has an address that is wrong" if tally.troubled == 1 else "have addresses that are wrong",
        ),
    )
    return ((count, words) for count, words in told if count)


def audiences(roles: tuple[Group, ...], tags: tuple[Group, ...]) -> list[tuple[str, Tally]]:
    """Roles by the words for them, then tags as they are."""
    return [
        *((ROLES.get(each.key or "", each.key or ""), each.tally) for each in roles),
        *((f"Tag: {each.key}", each.tally) for each in tags),
    ]
