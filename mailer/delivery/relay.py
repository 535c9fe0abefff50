"""A mail server as one speaks to it: where it is, how the line is protected, as whom. No sockets here."""

from dataclasses import dataclass, field
from enum import StrEnum

from mailer.delivery.profiles import OWN, Profile


class Security(StrEnum):
    PLAIN = "smtp"
    STARTTLS = "smtp+starttls"
    TLS = "smtps"


@dataclass(frozen=True, kw_only=True)
class Relay:
    """The password never shows in a repr, and so in no log or traceback. `profile` says what it bears."""

    host: str
    port: int
    security: Security = Security.PLAIN
    user: str = ""
    password: str = field(default="", repr=False)
    profile: Profile = field(default=OWN, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.security}://{host}:{self.port}"
