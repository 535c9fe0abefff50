"""A service that is there to be killed: the real service, desk and carriers, in processes that start at once.

They are forked from a server that has everything loaded, so that a thousand starts take no quarter of an hour. What is
not the product's here: the clock, which is shared, and the database's commits, at which one may be killed.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, Pipe
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Literal

from mailer import wallclock
from mailer.clock import SteadyClock
from mailer.dispatch.carrier import carry
from mailer.dispatch.crew import channels
from mailer.dispatch.desk import Clock
from mailer.dispatch.orders import Route
from mailer.delivery.relay import Relay
from mailer.errors import StoreError
from mailer.outbox import claims
from mailer.outbox.claimed import Change
from mailer.outbox.database import Database, Transaction, open_database
from mailer.outbox.letter import Happening
from tests.faults.stage import SharedClock, service_on
