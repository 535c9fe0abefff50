"""Passwords that cost next to nothing, for tests that are not about the cost."""

from argon2 import PasswordHasher

from mailer.accounts import Passwords

QUICK = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
