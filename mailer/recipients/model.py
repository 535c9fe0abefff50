"""Who is asked: one person with one address. Reading lists is in `reading`, choosing among them in `audience`."""

from enum import StrEnum

from babel import Locale
from pydantic import BaseModel, ConfigDict


class Role(StrEnum):
    FOCAL_POINT = "focal_point"
    PRACTITIONER = "practitioner"
    EXPERT = "expert"
    SPEAKER = "speaker"


class Recipient(BaseModel):
    """One person with one address. Every value here is a stranger's text, already validated at the door:

    NFC, no control or bidi characters, no line breaks; `address` is ASCII with a lower-case punycode domain
    (RFC 5321), or SMTPUTF8 when its local part is not ASCII; `state` an ISO 3166-1 alpha-2 code;
    `language` a lower-case BCP 47 language; `timezone` an IANA name, or None: the venue's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str
    given_name: str
    family_name: str
    title: str = ""
    role: Role
    state: str | None = None
    institution: str = ""
    language: str | None = None
    timezone: str | None = None
    tags: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.given_name, self.family_name)))

    @property
    def full_name(self) -> str:
        """The name with its title: `Dr Ana Novak`."""
        return " ".join(filter(None, (self.title, self.name)))


def state_name(code: str, language: str) -> str:
    """The State's name in the reader's language (CLDR), e.g. `('AT', 'fr') -> 'Autriche'`."""
    return str(Locale.parse(language.replace("-", "_")).territories.get(code, code))
