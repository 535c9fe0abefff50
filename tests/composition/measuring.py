"""What a letter costs to compose: `python -m tests.composition.measuring` prints it for the tests' conference.

Processor time, the best of several rounds over a thousand different people; nothing is asserted.
"""

from itertools import cycle, islice, product
from time import process_time
from typing import Any

from mailer.composition.composing import Composer, compose
from mailer.recipients.model import Recipient
from tests.composition.test_composing import LETTER
from tests.conference import EVENT, PRACTITIONER

PEOPLE = 1000
ROUNDS = 7

GIVEN = ("Ana", "Šejla", "Jürgen", "Иван", "Eva", "محمد", "Daniyar", "Óscar", "John", "Mary Ann", "Þóra")
FAMILY = ("Novak", "Hadžić", "Müller", "Петренко", "O'Brien", "العلي", "Smith", "Van der Berg", "Núñez")
TITLES = ("Dr", "Ms", "Mr", "")
WORK = ("State Prosecutor's Office", "Ministère de l’Intérieur", "General Prosecutor's Office", "")
PLACES = (("SI", "Europe/Ljubljana"), ("AT", None), ("KZ", "Asia/Almaty"), ("FR", "Europe/Paris"))


def people(language: str) -> list[Recipient]:
    crowd = islice(cycle(product(GIVEN, FAMILY, TITLES, WORK, PLACES)), 0, 7 * PEOPLE, 7)
    return [
        PRACTITIONER.model_copy(
            update={
                "address": f"p{number}.reader@office{number % 7}.example",
                "given_name": given,
                "family_name": family,
                "title": title,
                "institution": work,
                "state": state,
                "timezone": timezone,
                "language": language,
            }
        )
        for number, (given, family, title, work, (state, timezone)) in enumerate(crowd)
    ]


def measure(language: str, mailing: str) -> None:
    """One line: microseconds a letter, those of the plain way, milliseconds to the first letter, and bytes."""
    facts: dict[str, Any] = {
        name: value for name, value in LETTER.items() if name not in {"sender", "recipient"}
    }
    facts["mailing"] = EVENT.mailing(mailing)
    crowd, sender = people(language), LETTER["sender"]
    handles = [sender.signer.handle(EVENT.key, reader.address) for reader in crowd]
    plain = (
        _seconds(lambda: [compose(**facts, recipient=reader, sender=sender) for reader in crowd[:20]]) / 20
    )
    composer = Composer(sender)
    first = _seconds(lambda: composer.compose(**facts, recipient=crowd[0]), rounds=1)

    def everybody() -> list[int]:
        return [
            len(composer.compose(**facts, recipient=reader, handle=handle).raw)
            for reader, handle in zip(crowd, handles, strict=True)
        ]

    sizes = everybody()
    each = _seconds(everybody) / len(crowd)
    print(
        f"{mailing:18}{language}  {each * 1e6:7.1f} us  plainly {plain * 1e6:8.0f} us  "
        f"first {first * 1e3:5.1f} ms  {sum(sizes) // len(sizes):6} bytes"
    )


def _seconds(work: Any, rounds: int = ROUNDS) -> float:
    taken = []
    for _ in range(rounds):
        before = process_time()
        work()
        taken.append(process_time() - before)
    return min(taken)


if __name__ == "__main__":
    for each_mailing in EVENT.mailings:
        if each_mailing.key != "session-reminder":
            for each_language in ("en", "fr", "ar"):
                measure(each_language, each_mailing.key)
