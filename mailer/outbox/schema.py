"""The tables of the outbox: what is kept, and the constraints that make once-only a fact.

How rows come and go is in the modules beside it; the steps from one release's tables to those of
the next are in `migrations`. SQLite and PostgreSQL hold the same.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    Enum,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    FromClause,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    literal,
    or_,
)
from sqlalchemy.event import listen

from mailer.outbox import roles
from mailer.outbox.letter import CLAIMABLE, OWNED, Happening, LetterState

Role = roles.Role


class Answer(StrEnum):
    ACCEPTED = "accepted"
    TENTATIVE = "tentative"
    DECLINED = "declined"
    DELEGATED = "delegated"


class PausedBy(StrEnum):
    PERSON = "person"
    CONTENT = "content"  # the server refused one mailing's letters again and again, in the same words
    AUTH = "auth"  # the server does not know us


class IncomingState(StrEnum):
    """What became of a mail that came in."""

    NEW = "new"  # kept, and not yet looked into
    SORTED = "sorted"  # what follows from it has been done
    OPEN = "open"  # a person is to decide
    DECIDED = "decided"  # a person has
    QUARANTINED = "quarantined"  # it could not be read within the limits; a person is to look


class Forward(StrEnum):
    """How far a person's question is on its way to whoever answers it."""

    NOT = "not"
    WAITING = "waiting"
    LEAVING = "leaving"  # it may have left; it does not leave twice
    SENT = "sent"
    FAILED = "failed"


class Trouble(StrEnum):
    """What a delivery report says of an address."""

    HARD = "hard"
    SOFT = "soft"


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime in Python, on both databases; naive ones are refused with ValueError.

    SQLite drops offsets without a word, so every value is turned to UTC before it goes in.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone; only aware datetimes are kept")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _one_of(words: type[StrEnum], name: str, *, constrained: bool = True) -> Enum:
    return Enum(
        words,
        name=name,
        native_enum=False,
        create_constraint=constrained,
        length=16,
        values_callable=lambda members: [member.value for member in members],
    )


def _column_of(words: type[StrEnum], name: str) -> tuple[Column[str], CheckConstraint]:
    """A column of `_one_of` in rows that are written all the time, its check spelt out: for every list of an IN of more
    than two SQLite builds a tree, which takes longer than the row itself.
    """
    spelt_out = " OR ".join(f"{name} = '{word.value}'" for word in words)
    kind = _one_of(words, name, constrained=False)
    return Column(name, kind, nullable=False), CheckConstraint(spelt_out, name=name)


Id = BigInteger().with_variant(Integer, "sqlite")

BYTEWISE = Text().with_variant(Text(collation="C"), "postgresql")
"""Text in the order of its code points, so that all that begins alike stands together."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

agenda_version = Table(
    "agenda_version",
    metadata,
    Column("event", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("published_at", Instant, nullable=False),
    Column("document", Text, nullable=False),
)

attachment = Table(
    "attachment",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""What is in attached files, once for each content, by its SHA-256. `at`: when it came. What no version and no draft
names goes again after a while.
"""

attached = Table(
    "attached",
    metadata,
    Column("event", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("mailing", Text, primary_key=True),
    Column("digest", Text, ForeignKey("attachment.digest", name="fk_attached_digest"), primary_key=True),
    ForeignKeyConstraint(
        ["event", "version"], ["agenda_version.event", "agenda_version.number"], name="fk_attached_version"
    ),
)
"""Which contents the letters of a version's mailings carry: they stay as long as the version does, for good."""

draft = Table(
    "draft",
    metadata,
    Column("event", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("based_on", Integer, nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("taken_back_at", Instant),
    Column("hands", Text, nullable=False, server_default="[]"),
)
"""Edits of an agenda that are not published, each with the whole of it: `based_on` is the version it was begun on,
`hands` as JSON who has changed which part since.
"""

wording = Table(
    "wording",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("texts", Text, nullable=False),
)

recipient = Table(
    "recipient",
    metadata,
    Column("id", Id, primary_key=True),
    Column("event", Text, nullable=False),
    Column("address_key", Text, nullable=False),
    Column("handle", Text, nullable=False, unique=True),
    Column("timezone", Text),
    Column("revision", Integer, nullable=False),
    Column("joined_at", Instant, nullable=False),
    Column("left_at", Instant),
    Column("unsubscribed_at", Instant),
    UniqueConstraint("event", "address_key"),
    Index(None, "event", "id"),
)
"""One person at one event. `address_key` is the address in lower case: written otherwise it is the same."""

_IS_LISTED = recipient.c.left_at.is_(None)
Index(
    "ix_recipient_listed",
    recipient.c.event,
    recipient.c.timezone,
    sqlite_where=_IS_LISTED,
    postgresql_where=_IS_LISTED,
)

_HAS_UNSUBSCRIBED = recipient.c.unsubscribed_at.is_not(None)
Index(
    "ix_recipient_unsubscribed",
    recipient.c.event,
    sqlite_where=_HAS_UNSUBSCRIBED,
    postgresql_where=_HAS_UNSUBSCRIBED,
)

person_word = Table(
    "person_word",
    metadata,
    Column("event", Text, primary_key=True),
    Column("word", BYTEWISE, primary_key=True),
    Column("recipient_id", Id, ForeignKey(recipient.c.id), primary_key=True, autoincrement=False),
    Index(None, "recipient_id", "word"),
    sqlite_with_rowid=False,
)
"""The words by which people on the list are found; kept by `finding` whenever a list changes."""

roster = Table(
    "roster",
    metadata,
    Column("event", Text, primary_key=True),
    Column("changed_at", Instant, nullable=False),
)
"""When an event's list of people, or one of their answers, last changed."""

recipient_revision = Table(
    "recipient_revision",
    metadata,
    Column("recipient_id", Id, ForeignKey(recipient.c.id), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("since", Instant, nullable=False),
)
"""What a list said of a recipient from some moment on; never altered. A letter names its own."""

revocation = Table(
    "revocation",
    metadata,
    Column("recipient_id", Id, ForeignKey(recipient.c.id), primary_key=True, autoincrement=False),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
)
"""When somebody's links were revoked, and which generation of links, with a handle of its own, began then."""

preference = Table(
    "preference",
    metadata,
    Column("recipient_id", Id, ForeignKey(recipient.c.id), primary_key=True, autoincrement=False),
    Column("language", Text),
    Column("timezone", Text),
    Column("at", Instant, nullable=False),
)
"""What people chose on their page; nothing, where they left it as it was.

It stands above what a list says of them, whatever the next list says.
"""

flag = Table(
    "flag",
    metadata,
    Column("recipient_id", Id, ForeignKey(recipient.c.id), primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
)
"""Whose address was reported as wrong, and when last; nobody has shown since that it is right."""

answer = Table(
    "answer",
    metadata,
    Column("id", Id, primary_key=True),
    Column("recipient_id", Id, ForeignKey(recipient.c.id), nullable=False),
    Column("anchor", Text, nullable=False),
    Column("answer", _one_of(Answer, "answer"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("source", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("comment", Text, nullable=False),
    Index(None, "recipient_id", "anchor"),
)
"""What people answered, and to which SEQUENCE of the entry."""

entry = Table(
    "entry",
    metadata,
    Column("recipient_id", Id, ForeignKey(recipient.c.id), primary_key=True),
    Column("anchor", Text, primary_key=True),
    Column("uid", Text, nullable=False, unique=True),
    Column("sequence_sent", Integer, nullable=False),
    Column("version_sent", Integer, nullable=False),
    Column("sent_at", Instant, nullable=False),
    Column("asked", Boolean, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    Column("stamped_at", Instant, nullable=False),
    Column("right_for", Integer, nullable=False),
)
"""The ledger: what each recipient's calendar was last told of the event or a session.

One that was `asked` came as a REQUEST (once is enough), the others as PUBLISH; `stamped_at` is the DTSTAMP. `right_for`
is the newest agenda version of which it is known that the entry says what it has.
"""

upkeep = Table(
    "upkeep",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("document", Text, nullable=False),
)
"""What letters do to entries that their readers hold; many letters do the same."""

occasion = Table(
    "occasion",
    metadata,
    Column("id", Id, primary_key=True),
    Column("event", Text, nullable=False),
    Column("mailing", Text, nullable=False),
    Column("anchor", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("useful_until", Instant, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("withdrawn_at", Instant),
    Column("missed_at", Instant),
    Column("reason", Text, nullable=False),
    UniqueConstraint("event", "mailing", "anchor", "due_at"),
)


def holds_place(of: FromClause | None = None) -> ColumnElement[bool]:
    """Whether a letter, or one `of` an alias, keeps others of its occasion and recipient away: unless it was withdrawn
    unsent.
    """
    of = letter if of is None else of
    withdrawn = literal(LetterState.WITHDRAWN, letter.c.state.type, literal_execute=True)
    return or_(of.c.state != withdrawn, of.c.repeated_at.is_not(None))


def in_states(states: Iterable[LetterState]) -> ColumnElement[bool]:
    """`letter.state` is one of these, written out: a partial index serves only a condition it can read."""
    state = letter.c.state
    return state.in_([literal(each, state.type, literal_execute=True) for each in sorted(states)])


letter = Table(
    "letter",
    metadata,
    Column("id", Id, primary_key=True),
    Column("occasion_id", Id, ForeignKey(occasion.c.id), nullable=False),
    Column("recipient_id", Id, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("wording", Text, ForeignKey(wording.c.digest), nullable=False),
    Column("dated_at", Instant, nullable=False),
    *_column_of(LetterState, "state"),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Instant, nullable=False),
    Column("owner", Text),
    Column("lease_until", Instant),
    Column("fence", Integer, nullable=False),
    Column("intent_at", Instant),
    Column("settled_at", Instant),
    Column("repeated_at", Instant),
    Column("content", Text),
    Column("reply", Text, nullable=False),
    Column("upkeep", Text, ForeignKey(upkeep.c.digest)),
    Column("through", Text),
    ForeignKeyConstraint(
        ["recipient_id", "revision"], [recipient_revision.c.recipient_id, recipient_revision.c.number]
    ),
    CheckConstraint(
        "(owner IS NULL) = (lease_until IS NULL) AND (owner IS NULL) = (state NOT IN ('claimed', 'leaving'))",
        name="owned",
    ),
)
"""`next_attempt_at` is the due time at first, then that of the retry; `attempts` counts those that ended.

`content` is the SHA-256 of the bytes last meant to leave, at `intent_at` and `through` what they were to go; once
`repeated_at` is set they may not change.
"""

APART = frozenset(LetterState) - OWNED - {LetterState.WAITING, LetterState.SENT}
"""States that few letters are in: those a person looks for."""


def is_apart() -> ColumnElement[bool]:
    """Whether a letter is in such a state, spelt out as in `_column_of`: SQLite asks at every change of a letter."""
    state = letter.c.state
    return or_(*(state == literal(each, state.type, literal_execute=True) for each in sorted(APART)))


_HOLDS_PLACE = holds_place()
_IS_APART = is_apart()
_CAN_BE_CLAIMED = in_states(CLAIMABLE)
_IS_OWNED = letter.c.owner.is_not(None)
Index(
    "uq_letter_once",
    letter.c.occasion_id,
    letter.c.recipient_id,
    unique=True,
    sqlite_where=_HOLDS_PLACE,
    postgresql_where=_HOLDS_PLACE,
)
Index(
    "ix_letter_to_claim",
    letter.c.next_attempt_at,
    letter.c.id,
    sqlite_where=_CAN_BE_CLAIMED,
    postgresql_where=_CAN_BE_CLAIMED,
)
Index("ix_letter_owned", letter.c.owner, sqlite_where=_IS_OWNED, postgresql_where=_IS_OWNED)
Index("ix_letter_apart", letter.c.state, letter.c.id, sqlite_where=_IS_APART, postgresql_where=_IS_APART)
Index("ix_letter_progress", letter.c.occasion_id, letter.c.state, letter.c.settled_at)

letter_history = Table(
    "letter_history",
    metadata,
    Column("id", Id, primary_key=True),
    Column("letter_id", Id, ForeignKey(letter.c.id), nullable=False),
    Column("at", Instant, nullable=False),
    *_column_of(Happening, "happening"),
    *_column_of(LetterState, "state"),
    Column("note", Text, nullable=False),
    Index(None, "letter_id"),
)

wording_choice = Table(
    "wording_choice",
    metadata,
    Column("event", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", Text, ForeignKey(wording.c.digest), nullable=False),
    Column("files", Text, ForeignKey(wording.c.digest), nullable=False),
    Column("at", Instant, nullable=False),
    Column("by", Text, nullable=False),
)
"""Which wording an event's letters are written with: the choice with the highest number is in force. `files` is the
digest of the templates folder as it was last taken in.
"""

edition = Table(
    "edition",
    metadata,
    Column("event", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("what", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("needs_approval", Boolean, nullable=False),
)
"""Every change of what an event's letters are made of: the agenda, the list, the wording of a kind; and who made it.
The highest number is the present one; `needs_approval` says whether it lets letters leave unapproved.
"""

approval = Table(
    "approval",
    metadata,
    Column("id", Id, primary_key=True),
    Column("event", Text, nullable=False),
    Column("mailing", Text, nullable=False),
    Column("agenda", Text, nullable=False),
    Column("wording", Text, nullable=False),
    Column("recipients", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("edition", Integer, nullable=False),
    Column("ended_at", Instant),
    Column("reason", Text, nullable=False),
    Index(None, "event", "mailing"),
)
"""What was approved, as SHA-256 of its three parts. It stands until `ended_at`; `edition` is the newest of which it is
known that it says the same.
"""

_STANDS = approval.c.ended_at.is_(None)
Index(
    "uq_approval_stands",
    approval.c.event,
    approval.c.mailing,
    unique=True,
    sqlite_where=_STANDS,
    postgresql_where=_STANDS,
)

pause = Table(
    "pause",
    metadata,
    Column("event", Text, primary_key=True),
    Column("mailing", Text, primary_key=True),
    Column("caused_by", _one_of(PausedBy, "caused_by"), primary_key=True),
    Column("paused_at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
)
"""What is held back, and why. A `mailing` of nothing is the whole event."""

refusal = Table(
    "refusal",
    metadata,
    Column("event", Text, primary_key=True),
    Column("mailing", Text, primary_key=True),
    Column("words", Text, primary_key=True),
    Column("letters", Integer, nullable=False),
)
"""How many letters of a mailing a server refused for what they say, by its words; forgotten when it is resumed."""

stopped_occasion = Table(
    "stopped_occasion",
    metadata,
    Column("occasion_id", Id, ForeignKey(occasion.c.id), primary_key=True, autoincrement=False),
    Column("stopped_at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
)
"""Occasions that a person has ended: they take no letters any more."""

slowdown = Table(
    "slowdown",
    metadata,
    Column("relay", Text, primary_key=True),
    Column("per_minute", Float, nullable=False),
    Column("noted_at", Instant, nullable=False),
    Column("reason", Text, nullable=False),
)
"""Relays that are given fewer letters than usual, because they asked for it."""

event_key = Table(
    "event_key",
    metadata,
    Column("event", Text, primary_key=True),
    Column("naming", Text, nullable=False),
)
"""What an event's people and entries are named by, in hexadecimal digits: made once, never changed."""

incoming = Table(
    "incoming",
    metadata,
    Column("id", Id, primary_key=True),
    Column("mailbox", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("received_at", Instant, nullable=False),
    Column("size", Integer, nullable=False),
    Column("raw", LargeBinary, nullable=False),
    *_column_of(IncomingState, "state"),
    Column("kind", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("said", Text, nullable=False),
    Column("letter_id", Id, ForeignKey(letter.c.id)),
    Column("recipient_id", Id, ForeignKey(recipient.c.id)),
    *_column_of(Forward, "forward"),
    Column("forwarded_at", Instant),
    Column("decided_at", Instant),
    Index(None, "state", "id"),
    Index(None, "forward", "id"),
    Index(None, "letter_id"),
    Index(None, "kind", "id"),
    Index(None, "kind", "state", "recipient_id"),
)
"""Every mail that came in, as it came: `digest` is the SHA-256 of its bytes, `size` what the mailbox says, for of one
that is too large only the beginning is kept. `said` is what it says of itself, in JSON; empty until it is looked into.

`letter_id` is the letter whose genuine sign it bears, `recipient_id` whom it is from, as far as that is known.
"""

incoming_place = Table(
    "incoming_place",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("place", Text, primary_key=True),
    Column("incoming_id", Id, ForeignKey(incoming.c.id), nullable=False),
)
"""Where mails were found: what has been taken from a mailbox is not taken again."""

mailbox_cursor = Table(
    "mailbox_cursor",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("validity", BigInteger, nullable=False),
    Column("uid", BigInteger, nullable=False),
)
"""How far a folder at an IMAP server has been read."""

address_trouble = Table(
    "address_trouble",
    metadata,
    Column("incoming_id", Id, ForeignKey(incoming.c.id), primary_key=True, autoincrement=False),
    Column("recipient_id", Id, ForeignKey(recipient.c.id), nullable=False),
    Column("at", Instant, nullable=False),
    Column("trouble", _one_of(Trouble, "trouble"), nullable=False),
    Column("status", Text, nullable=False),
    Column("words", Text, nullable=False),
    Index(None, "recipient_id"),
)
"""What delivery reports say of a recipient's address: each bears a letter's genuine sign, or a person says so."""

database_identity = Table(
    "database_identity",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("place", Text, nullable=False),
    CheckConstraint("number = 1", name="one"),
)

installation = Table(
    "installation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("admitted_at", Instant, nullable=False),
    Column("beats", Integer, nullable=False),
    Column("seen_at", Instant, nullable=False),
)
"""Who may send from this database; `beats` only grows."""

account = Table(
    "account",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("called", Text, nullable=False, server_default=""),
    Column("role", _one_of(Role, "role"), nullable=False),
    Column("password", Text, nullable=False),
    Column("totp", Text, nullable=False),
    Column("totp_step", BigInteger, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("failures", Integer, nullable=False),
    Column("locked_until", Instant),
)
"""Who may use the organiser's pages: `name` without capitals, by which nobody is there twice, and as they are `called`;
nothing: by their name. `password` is an argon2id hash; `totp` the base32 secret of RFC 6238, or nothing,
and `totp_step` the last time step whose code was used. `failures` counts since the last success.
"""

sign_in = Table(
    "sign_in",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("account_id", Id, ForeignKey(account.c.id), nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Index(None, "account_id"),
)
"""Sessions of the organiser's pages, by the SHA-256 of their random id."""

api_token = Table(
    "api_token",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("role", _one_of(Role, "role"), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("revoked_at", Instant),
)
"""What machines show instead of signing in, by its SHA-256."""

welcome = Table(
    "welcome",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("role", _one_of(Role, "role"), nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("used_at", Instant),
)
"""One-time links by which an account is made, by the SHA-256 of their token."""

audit = Table(
    "audit",
    metadata,
    Column("number", Id, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("event", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("did", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
)
"""Who did what on the pages. `digest` is the SHA-256 of the row and of the digest before it, so that no row can be
altered or taken out unseen; triggers refuse both.
"""

upload = Table(
    "upload",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("event", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("name", Text, nullable=False),
    Column("choices", Text, nullable=False),
    Column("refused", Integer, nullable=False, server_default="0"),
    Column("raw", LargeBinary, nullable=False),
)
"""Lists that somebody is about to take over, by the SHA-256 of the token in their address; they end by themselves.
`choices` is what was chosen about them so far, in JSON, and `refused` how many rows cannot be taken, read like that.
"""

_STAYS = "a row of the audit is neither altered nor taken out"
_GUARDS = (
    (
        "sqlite",
        f"CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, '{_STAYS}'); END",
    ),
    (
        "sqlite",
        f"CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, '{_STAYS}'); END",
    ),
    (
        "postgresql",
        f"CREATE OR REPLACE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{_STAYS}'; END $$",  # noqa: E501
    ),
    (
        "postgresql",
        "CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_stays()",
    ),
    (
        "postgresql",
        "CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_stays()",  # noqa: E501
    ),
)
for _dialect, _guard in _GUARDS:
    listen(audit, "after_create", DDL(_guard).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]

Row = dict[str, Any]
