"""`python -m mailer` is `convenor`."""

from mailer.cli import main

main()
