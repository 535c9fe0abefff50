"""Mail servers by kind: how many lines each takes, how many letters a minute and a day; where the figures are from.

`pace` keeps to them and `forecast` reckons with them; which of them holds is for the settings to say.
"""

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase


@dataclass(frozen=True, kw_only=True)
class Limit:
    """At most so many `letters` in any stretch of `seconds`."""

    letters: int
    seconds: float

    @property
    def per_second(self) -> float:
        return self.letters / self.seconds


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a mail server bears of one sender. None: it sets no limit.

    `connections` at a time, and `letters_per_connection` before a new one is opened; `per_day` counts over any
    24 hours, `per_domain` for the readers of one domain. `answers_within`: the seconds it is reckoned to take for
    a letter, where nothing has been measured yet. `hosts` are the patterns by which it is known.
    """

    name: str
    connections: int
    letters_per_connection: int
    rate: Limit | None = None
    per_day: int | None = None
    per_domain: Limit | None = None
    answers_within: float = 0.2
    hosts: tuple[str, ...] = ()
    source: str

    @property
    def reckoned_rate(self) -> float:
        """Letters a second that one may count on before anything is measured."""
        by_lines = self.connections / self.answers_within
        return min(by_lines, self.rate.per_second) if self.rate else by_lines


OWN = Profile(
    name="own",
    connections=20,
    letters_per_connection=1000,
    source="Postfix: smtpd_client_connection_count_limit is 50; Exim: smtp_accept_max is 20 and "
    "smtp_accept_max_per_connection 1000 by default",
)
"""A mail server of the house: whoever runs it sets its limits, if it has any."""

PROFILES: tuple[Profile, ...] = (
    OWN,
    Profile(
        name="microsoft365",
        connections=3,
        letters_per_connection=100,
        rate=Limit(letters=30, seconds=60.0),
        per_day=10_000,
        hosts=("smtp.office365.com", "smtp-legacy.office365.com"),
        source="learn.microsoft.com/en-us/exchange/troubleshoot/send-emails/smtp-submission-improvements",
    ),
    Profile(
        name="google-workspace",
        connections=5,
        letters_per_connection=100,
        per_day=2_000,
        hosts=("smtp.gmail.com",),
        source="support.google.com/a/answer/166852: messages per day",
    ),
    Profile(
        name="google-relay",
        connections=5,
        letters_per_connection=100,
        per_day=10_000,
        hosts=("smtp-relay.gmail.com",),
        source="support.google.com/a/answer/2956491: each user, in 24 hours",
    ),
    Profile(
        name="amazon-ses",
        connections=10,
        letters_per_connection=500,
        rate=Limit(letters=14, seconds=1.0),
        per_day=50_000,
        hosts=("email-smtp.*.amazonaws.com", "email-smtp-fips.*.amazonaws.com"),
        source="docs.aws.amazon.com/ses/latest/dg/quotas.html: it varies by account; these are what new ones often get",
    ),
    Profile(
        name="amazon-ses-sandbox",
        connections=1,
        letters_per_connection=200,
        rate=Limit(letters=1, seconds=1.0),
        per_day=200,
        source="docs.aws.amazon.com/ses/latest/dg/quotas.html: accounts in the sandbox",
    ),
)
"""The mail servers there are words for. Where a provider states no number of lines or of letters to each, a
modest one stands here.
"""

TRAY = Profile(
    name="tray",
    connections=2,
    letters_per_connection=10_000,
    answers_within=0.005,
    source="it is Convenor's own, on this machine",
)
"""The tray."""


def guessed(host: str) -> Profile:
    """The profile a host's name points to; `own` for any other."""
    found = (p for p in PROFILES for pattern in p.hosts if fnmatchcase(host.lower(), pattern))
    return next(found, OWN)


def adjusted(
    profile: Profile,
    *,
    connections: int | None = None,
    per_minute: int | None = None,
    per_day: int | None = None,
    per_domain: int | None = None,
) -> Profile:
    """The profile with what was set by hand in place of its own figures; None leaves them.

    Args:
        per_domain: letters a minute, as `per_minute`.
    """
    return replace(
        profile,
        connections=connections or profile.connections,
        rate=_a_minute(per_minute) or profile.rate,
        per_day=per_day or profile.per_day,
        per_domain=_a_minute(per_domain) or profile.per_domain,
    )


def _a_minute(letters: int | None) -> Limit | None:
    return Limit(letters=letters, seconds=60.0) if letters else None
