"""Whether our letters get through: every kind in every language, signed, before rspamd and SpamAssassin.

The filters compare dates with their own clock, so these letters alone are dated from ours.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import product

import pytest

from mailer import dossier
from mailer.agenda.model import MailingKind
from mailer.composition.composing import Sender, compose
from mailer.composition.dkim import DkimSigner, dns_record, signatures
from mailer.composition.links import Signer
from mailer.dossier import Dossier
from mailer.settings import ROOT
from tests import conference
from tests.composition.test_dkim import ED25519, RSA, written
from tests.judges import mailfilters, nameserver
from tests.judges.mailfilters import Arrival, Rspamd, Verdict
from tests.judges.nameserver import Zone, text_record

NOW = datetime.now(UTC).replace(microsecond=0)
DOMAIN = "secretariat.example"
HOST, ADDRESS = (
    f"mail.{DOMAIN}",
    "198.18.0.25",
)  # RFC 2544: nobody's, and not one that filters hold for forged
ELSEWHERE = "198.18.0.99"
SIGNER = Signer(b"a secret key for the tests alone")
SENDER = Sender(signer=SIGNER, base_url=f"https://{DOMAIN}")
BY_RSA = DkimSigner(DOMAIN, "one", written(RSA))
BY_ED25519 = DkimSigner(DOMAIN, "two", written(ED25519))
READERS = {"en": conference.PRACTITIONER, "fr": conference.FOCAL_POINT, "ar": conference.EXPERT}
RECORDS = (
    f"{DOMAIN}. 300 IN A {ADDRESS}\n"
    f"{DOMAIN}. 300 IN MX 10 {HOST}.\n"
    f"{HOST}. 300 IN A {ADDRESS}\n"
    f"25.0.18.198.in-addr.arpa. 300 IN PTR {HOST}.\n"
    + text_record(DOMAIN, f"v=spf1 ip4:{ADDRESS} -all")
    + text_record(HOST, "v=spf1 a -all")
    + text_record(f"_dmarc.{DOMAIN}", "v=DMARC1; p=reject; adkim=s; aspf=s")
    + text_record(f"one._domainkey.{DOMAIN}", dns_record(BY_RSA.pem))
    + text_record(f"two._domainkey.{DOMAIN}", dns_record(BY_ED25519.pem))
)
LETTERS = tuple(product(MailingKind, READERS))
EVERY_LETTER = pytest.mark.parametrize(("kind", "language"), LETTERS)


@cache
def example() -> Dossier:
    """The example with its templates, its date counted from today."""
    found = dossier.read(
        ROOT / "agenda" / "osce-cybercrime.toml", today=NOW.date(), templates=ROOT / "templates"
    )
    assert found.event.organiser.address.endswith(f"@{DOMAIN}")
    return found


def arriving(kind: MailingKind, language: str, *by: DkimSigner) -> Arrival:
    """A letter of the example, signed by each of these."""
    found = example()
    letter = compose(
        version=conference.version(found.event),
        mailing=conference.of_kind(found.event, kind),
        anchor="session-2" if kind is MailingKind.SESSION_REMINDER else "event",
        recipient=READERS[language],
        due_at=NOW,
        dated_at=NOW,
        texts=found.texts,
        sender=SENDER,
    ).raw
    end = letter.index(b"\r\n\r\n") + 4
    return Arrival(
        raw=signatures(by, letter[:end], letter[end:], NOW) + letter,
        sender=SIGNER.return_path(f"bounces@{DOMAIN}", 4711),
        recipient=READERS[language].address,
        host=HOST,
        address=ADDRESS,
        at=NOW,
    )


def invitation(*by: DkimSigner, address: str = ADDRESS) -> Arrival:
    return replace(arriving(MailingKind.INVITATION, "en", *by), address=address)


def tampered() -> dict[str, Arrival]:
    """Letters with which something is wrong, each in its own way."""
    letter = invitation(BY_RSA, BY_ED25519)
    return {
        "unsigned": invitation(),
        "changed": replace(letter, raw=letter.raw.replace(b"Ana Novak", b"Ana Nowak")),
        "from elsewhere": replace(letter, address=ELSEWHERE),
        "unsigned from elsewhere": invitation(address=ELSEWHERE),
    }


@pytest.fixture(scope="module")
def zone() -> Zone:
    return nameserver.zone_of(RECORDS)


@pytest.fixture(scope="module")
def port(zone: Zone) -> Iterator[int]:
    with nameserver.serving(zone) as port:
        yield port


@pytest.fixture(scope="module")
def rspamd(port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rspamd]:
    if missing := mailfilters.rspamd_is_missing():
        pytest.skip(missing)
    with mailfilters.rspamd(tmp_path_factory.mktemp("rspamd"), port) as running:
        yield running


@pytest.fixture(scope="module")
def by_spamassassin(port: int, tmp_path_factory: pytest.TempPathFactory) -> Mapping[object, Verdict]:
    """What SpamAssassin thinks of every letter by kind and language, and of the others by what is wrong with them."""
    if missing := mailfilters.spamassassin_is_missing():
        pytest.skip(missing)
    letters = {letter: arriving(*letter, BY_RSA, BY_ED25519) for letter in LETTERS} | tampered()
    folder = tmp_path_factory.mktemp("spamassassin")
    verdicts = mailfilters.spamassassin(tuple(letters.values()), folder, port)
    return dict(zip(letters, verdicts, strict=True))


@EVERY_LETTER
def test_rspamd_lets_every_letter_pass(kind: MailingKind, language: str, rspamd: Rspamd) -> None:
    verdict = rspamd.judge(arriving(kind, language, BY_RSA, BY_ED25519))
    assert verdict.score <= 0.0, str(verdict)
    assert verdict.rules.keys() >= {"R_SPF_ALLOW", "R_DKIM_ALLOW", "DMARC_POLICY_ALLOW"}, str(verdict)


@EVERY_LETTER
def test_spamassassin_lets_every_letter_pass(
    kind: MailingKind, language: str, by_spamassassin: Mapping[object, Verdict]
) -> None:
    verdict = by_spamassassin[kind, language]
    assert verdict.score <= 0.0, str(verdict)
    assert verdict.rules.keys() >= {"SPF_PASS", "DKIM_VALID", "DKIM_VALID_AU", "DKIM_VALID_EF"}, str(verdict)


@pytest.mark.parametrize("signer", [BY_RSA, BY_ED25519], ids=["rsa", "ed25519"])
def test_rspamd_believes_each_key_by_itself(signer: DkimSigner, rspamd: Rspamd) -> None:
    verdict = rspamd.judge(invitation(signer, address=ELSEWHERE))
    assert verdict.rules.keys() >= {"R_SPF_FAIL", "R_DKIM_ALLOW", "DMARC_POLICY_ALLOW"}, str(verdict)


def test_rspamd_sees_what_is_wrong(rspamd: Rspamd) -> None:
    found = {name: rspamd.judge(letter) for name, letter in tampered().items()}
    rules = {name: verdict.rules.keys() for name, verdict in found.items()}
    assert rules["unsigned"] >= {"R_DKIM_NA", "R_SPF_ALLOW", "DMARC_POLICY_ALLOW"}
    assert rules["changed"] >= {"R_DKIM_REJECT", "R_SPF_ALLOW", "DMARC_POLICY_ALLOW"}
    assert rules["from elsewhere"] >= {"R_DKIM_ALLOW", "R_SPF_FAIL", "DMARC_POLICY_ALLOW"}
    assert rules["unsigned from elsewhere"] >= {"R_DKIM_NA", "R_SPF_FAIL", "DMARC_POLICY_REJECT"}
    assert found["unsigned from elsewhere"].score > 0.0


def test_spamassassin_sees_what_is_wrong(by_spamassassin: Mapping[object, Verdict]) -> None:
    rules = {name: by_spamassassin[name].rules.keys() for name in tampered()}
    assert "SPF_PASS" in rules["unsigned"]
    assert "DKIM_SIGNED" not in rules["unsigned"]
    assert rules["changed"] >= {"DKIM_SIGNED", "DKIM_INVALID", "SPF_PASS"}
    assert rules["from elsewhere"] >= {"DKIM_VALID", "SPF_FAIL"}
    assert by_spamassassin["unsigned from elsewhere"].score > 0.0


def test_the_filters_looked_up_our_records(rspamd: Rspamd, zone: Zone) -> None:
    rspamd.judge(invitation(BY_RSA, BY_ED25519))
    asked = {question.lower() for question in zone.asked}
    assert asked >= {f"{name}.{DOMAIN}. txt" for name in ("one._domainkey", "two._domainkey", "_dmarc")}


def test_a_verdict_names_the_worst_rule_first() -> None:
    verdict = Verdict(score=0.5, rules={"GOOD": -0.5, "BAD": 1.0, "MEANT": 0.0})
    assert str(verdict) == "+0.50: BAD +1.00, MEANT +0.00, GOOD -0.50"
