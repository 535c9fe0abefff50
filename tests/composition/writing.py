"""What the tests of templates begin with: the least folder there can be, and the values of one letter."""

from typing import Any

from mailer.agenda.model import MailingKind
from mailer.composition import wording
from mailer.composition.placeholders import context
from mailer.composition.wording import Wording, Words
from mailer.recipients.model import Recipient
from tests import conference

KIND = MailingKind.INVITATION


def complete(**changed: str) -> Wording:
    """The least a folder needs: every kind in English; `changed` replaces parts of the invitation."""
    parts = {"subject.txt": "Subject", "txt": "Text", "html": "<p>Text</p>"}
    texts = {f"{kind}/en.{part}": text for kind in MailingKind for part, text in parts.items()}
    names = {"subject": "subject.txt"}
    texts |= {f"invitation/en.{names.get(name, name)}": text for name, text in changed.items()}
    return Wording(texts=texts)


def values(
    recipient: Recipient = conference.PRACTITIONER, language: str = "en", **event: Any
) -> dict[str, Any]:
    changed = conference.EVENT.model_copy(update=event)
    return context(
        version=conference.version(changed),
        mailing=changed.mailings[0],
        anchor="session-2",
        recipient=recipient,
        links=conference.links(),
        language=language,
        due_at=conference.PUBLISHED_AT,
    )


def rendered(recipient: Recipient = conference.PRACTITIONER, **changed: str) -> Words:
    return wording.render(complete(**changed), KIND, values(recipient), "en")
