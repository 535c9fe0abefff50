"""What else comes into a mailbox: servers' reports, machines' notes, what people write, and what breaks readers."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, update

from mailer.outbox import people, schema
from mailer.outbox.claimed import Change, ClaimedLetter
from mailer.outbox.letter import Happening
from tests.conference import EVENT
from tests.outbox.world import told

CRLF = b"\r\n"


def mail(*lines: str) -> bytes:
    return "\r\n".join([*lines, ""]).encode()


# ── calendar mail ────────────────────────────────────────────────────────────────────────────────────────────


def calendar(
    method: str, uid: str, *attendees: str, partstat: str = "ACCEPTED", events: int = 1, more: str = ""
) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", *([f"METHOD:{method}"] if method else [])]
    for number in range(events):
        lines += [
            "BEGIN:VEVENT",
            f"UID:{uid}" if not number else f"UID:{number}{uid}",
            "DTSTAMP:20270113T080000Z",
        ]
        lines += [
            *(f"ATTENDEE;PARTSTAT={partstat}:mailto:{each}" for each in attendees),
            *([more] if more else []),
        ]
        lines += ["END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def calendar_mail(method: str, uid: str, *attendees: str, **facts: Any) -> bytes:
    head = ["From: somebody@elsewhere.example", "Subject: Accepted", "MIME-Version: 1.0"]
    return mail(
        *head, "Content-Type: text/calendar; method=REPLY", "", calendar(method, uid, *attendees, **facts)
    )


def two_that_differ(uid: str, attendee: str) -> bytes:
    parts = [calendar("REPLY", uid, attendee, partstat=said) for said in ("ACCEPTED", "DECLINED")]
    lines = ["From: somebody@elsewhere.example", 'Content-Type: multipart/mixed; boundary="b"', ""]
    return mail(*lines, *(f"--b\r\nContent-Type: text/calendar\r\n\r\n{part}" for part in parts), "--b--")


def without(raw: bytes, name: bytes) -> bytes:
    """A mail with calendar parts in plain sight, without a property."""
    return (
        b"\r\n".join(line for line in raw.split(b"\r\n") if not line.startswith(name))
        .replace(b"application/ics", b"application/x-left-out")
        .replace(b"invite.ics", b"invite.bin")
    )


# ── reports ──────────────────────────────────────────────────────────────────────────────────────────────────


def report(
    to: str,
    *recipients: str,
    action: str = "failed",
    status: str = "5.1.1",
    words: str = "550 5.1.1 unknown user",
) -> bytes:
    """A delivery report as RFC 3464 has it."""
    groups = [
        f"Final-Recipient: rfc822; {each}\r\nAction: {action}\r\nStatus: {status}\r\nDiagnostic-Code: smtp; {words}\r\n"
        for each in recipients
    ]
    return mail(
        "Return-Path: <>",
        "From: MAILER-DAEMON@mail.prosecution.example",
        f"To: {to}",
        "Subject: Undelivered Mail Returned to Sender",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="r"',
        "",
        "--r",
        "Content-Type: text/plain",
        "",
        "I could not deliver your message.",
        "--r",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mail.prosecution.example",
        "",
        "\r\n".join(groups),
        "--r",
        "Content-Type: message/rfc822",
        "",
        "Subject: Invitation",
        "Content-Type: text/calendar; method=REQUEST",
        "",
        calendar("REQUEST", "f" * 32 + "@conference.example", *recipients[:1]),
        "--r--",
    )


def qmail(to: str, recipient: str) -> bytes:
    return mail(
        "Return-Path: <>",
        "From: MAILER-DAEMON@mx.prosecution.example",
        f"To: {to}",
        "Subject: failure notice",
        "",
        "Hi. This is the qmail-send program at mx.prosecution.example.",
        "I'm afraid I wasn't able to deliver your message to the following addresses.",
        "This is a permanent error; I've given up. Sorry it didn't work out.",
        "",
        f"<{recipient}>:",
        "Sorry, no mailbox here by that name. (#5.1.1)",
        "",
        "--- Below this line is a copy of the message.",
        "",
        f"Return-Path: <{to}>",
        "Subject: Invitation",
        "",
        "Dear reader",
    )


def exim(to: str, recipient: str) -> bytes:
    return mail(
        "Return-path: <>",
        f"X-Failed-Recipients: {recipient}",
        "Auto-Submitted: auto-replied",
        "From: Mail Delivery System <Mailer-Daemon@mx.prosecution.example>",
        f"To: {to}",
        "Subject: Mail delivery failed: returning message to sender",
        "",
        "This message was created automatically by mail delivery software.",
        "",
        "A message that you sent could not be delivered to one or more of its recipients.",
        "This is a permanent error. The following address(es) failed:",
        "",
        f"  {recipient}",
        "    Unrouteable address",
    )


def exchange(to: str, recipient: str) -> bytes:
    """Microsoft 365, which tells of its trouble in a report and calls it Undeliverable."""
    return report(
        to, recipient, status="5.1.10", words="550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found"
    ).replace(b"Undelivered Mail Returned to Sender", b"Undeliverable: Invitation")


def german(to: str, recipient: str) -> bytes:
    return mail(
        "Return-Path: <>",
        "From: postmaster@behoerde.example",
        f"To: {to}",
        "Subject: Unzustellbar: Einladung",
        'Content-Type: text/plain; charset="iso-8859-1"',
        "",
        f"Ihre Nachricht an {recipient} konnte nicht zugestellt werden: 550 5.1.1 unbekannter Empfaenger",
    )


def russian(to: str, recipient: str) -> bytes:
    return mail(
        "Return-Path: <>",
        "From: mailer-daemon@pochta.example",
        f"To: {to}",
        "Subject: =?utf-8?b?0J/QuNGB0YzQvNC+INC90LUg0LTQvtGB0YLQsNCy0LvQtdC90L4=?=",
        "Content-Type: text/plain; charset=utf-8",
        "",
        f"Письмо не доставлено: {recipient}: 5.1.1 user not found",
    )


def temporary(to: str, recipient: str) -> bytes:
    return mail(
        "Return-Path: <>",
        "From: postmaster@mx.prosecution.example",
        f"To: {to}",
        "Subject: Delivery Status Notification (Delay)",
        "",
        f"The message to {recipient} is delayed: 451 4.7.1 try again later",
    )


SERVERS: dict[str, Callable[[str, str], bytes]] = {
    "qmail": qmail,
    "exim": exim,
    "exchange": exchange,
    "in German": german,
    "in Russian": russian,
    "temporary": temporary,
}


# ── machines ─────────────────────────────────────────────────────────────────────────────────────────────────


def written(sender: str, to: str, subject: str, text: str, *headers: str) -> bytes:
    """A mail as a person writes it."""
    return mail(
        f"From: Somebody <{sender}>",
        f"To: {to}",
        f"Subject: {subject}",
        f"Message-ID: <{abs(hash((sender, subject, text)))}@mail.example>",
        *headers,
        "Content-Type: text/plain; charset=utf-8",
        "",
        text,
    )


def _note(subject: str, *headers: str) -> Callable[[str, str], bytes]:
    return lambda sender, to: written(sender, to, subject, "I am away until Monday.", *headers)


MACHINES: dict[str, tuple[str, Callable[[str, str], bytes]]] = {
    "out of office, by RFC 3834": ("out_of_office", _note("Re: Invitation", "Auto-Submitted: auto-replied")),
    "Exchange": (
        "out_of_office",
        _note(
            "Automatic reply: Invitation", "Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All"
        ),
    ),
    "in German": ("out_of_office", _note("Abwesenheitsnotiz: Einladung")),
    "in French": ("out_of_office", _note("=?utf-8?q?R=C3=A9ponse_automatique_=3A_Invitation?=")),
    "in Russian": (
        "out_of_office",
        _note("=?utf-8?b?0JDQstGC0L7QvtGC0LLQtdGCOiDQv9GA0LjQs9C70LDRiNC10L3QuNC1?="),
    ),
    "X-Autoreply": ("out_of_office", _note("Re: Invitation", "X-Autoreply: yes")),
    "Precedence": ("out_of_office", _note("Re: Invitation", "Precedence: auto_reply")),
    "a ticket": ("automatic", _note("[#4711] Your request", "Auto-Submitted: auto-generated")),
    "a list": (
        "automatic",
        _note("[list] Invitation", "List-Id: <list.prosecution.example>", "Precedence: list"),
    ),
    "bulk": ("automatic", _note("News", "Precedence: bulk")),
    "nobody who reads": (
        "automatic",
        lambda _, to: written("no-reply@prosecution.example", to, "Received", "Thanks"),
    ),
    "a receipt": (
        "automatic",
        lambda sender, to: mail(
            f"From: {sender}",
            f"To: {to}",
            "Subject: Read: Invitation",
            'Content-Type: multipart/report; report-type=disposition-notification; boundary="r"',
            "",
            "--r",
            "Content-Type: text/plain",
            "",
            "Your message was read.",
            "--r",
            "Content-Type: message/disposition-notification",
            "",
            f"Final-Recipient: rfc822; {sender}",
            "Disposition: manual-action/MDN-sent-manually; displayed",
            "--r--",
        ),
    ),
}


# ── what breaks readers ──────────────────────────────────────────────────────────────────────────────────────


def _deep() -> bytes:
    return b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (depth, depth)
        for depth in range(2000)
    )


def _parts(count: int) -> bytes:
    return b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nx\r\n" * count + b"--b--\r\n"


def _calendar_of(*lines: str) -> bytes:
    return mail(
        "From: a@b.example", "Content-Type: text/calendar", "", "BEGIN:VCALENDAR", *lines, "END:VCALENDAR"
    )


POISONS: dict[str, Callable[[], bytes]] = {
    "depth 2,000": _deep,
    "100,000 parts": lambda: _parts(100_000),
    "5,000 parts": lambda: _parts(5_000),
    "a charset nobody knows": lambda: mail(
        "From: a@b.example", "Content-Type: text/plain; charset=x-\xff-klingon", "", "ä"
    ),
    "20,000 encoded words": lambda: b"Subject: " + b"=?utf-8?q?x?=\r\n " * 20_000 + b"\r\n\r\nHello",
    "5,000 comments": lambda: b"From: " + b"(" * 5_000 + b")" * 5_000 + b" a@b.example\r\n\r\nHello",
    "a million headers": lambda: b"X: y\r\n" * 1_000_000 + b"\r\n",
    "four million empty lines": lambda: b"Content-Type: text/calendar\r\n\r\n" + b"\r\n" * 3_500_000,
    "one line of 8 MB": lambda: b"From: a@b.example\r\n\r\n" + b"x" * 8_000_000,
    "a zone that never ends": lambda: _calendar_of(
        "METHOD:REPLY", "BEGIN:VTIMEZONE", *["RRULE:FREQ=SECONDLY"] * 9_000
    ),
    "a calendar in calendars": lambda: _calendar_of(*["BEGIN:VEVENT"] * 9_000),
    "nothing": lambda: b"",
    "a hundred thousand parameters": lambda: (
        b"Content-Type: text/plain" + b"; x=y" * 100_000 + b"\r\n\r\nHello"
    ),
    "five million lines": lambda: b"From: a@b.example\r\n\r\n" + b"\n" * 5_000_000,
    "NUL": lambda: b"\0" * 10_000,
    "a calendar that is no text": lambda: b"Content-Type: text/calendar\r\n\r\n" + bytes(range(256)) * 900,
}


# ── what happened to letters ─────────────────────────────────────────────────────────────────────────────────


def intended(claimed: ClaimedLetter) -> Change:
    return told(claimed, Happening.INTENDED, digest="a" * 64, reply="smtps://mail.conference.example:465")


def lost(claimed: ClaimedLetter) -> Change:
    return told(claimed, Happening.LOST, reply="no answer")


def accepted(claimed: ClaimedLetter, entries: Any) -> Change:
    return told(claimed, Happening.ACCEPTED, reply="250", entries=entries)


def raise_sequence(c: Connection, uid: str, sequence: int) -> None:
    """As if a later version had been sent."""
    c.execute(update(schema.entry).where(schema.entry.c.uid == uid).values(sequence_sent=sequence))


def unsubscribed(c: Connection, address: str) -> bool:
    return any(
        each.recipient.address == address and each.unsubscribed for each in people.roster(c, EVENT.key)
    )
