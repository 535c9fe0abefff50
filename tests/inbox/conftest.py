"""The IMAP server the tests of the inbox ask for."""

from tests.inbox.dovecot import dovecot

__all__ = ["dovecot"]
