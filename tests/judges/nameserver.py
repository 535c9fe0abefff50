"""A small DNS on loopback, so that nothing a mail filter looks up leaves this machine.

It knows the records it is given; every other name does not exist.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from dnslib import QTYPE, RCODE, RR, DNSRecord
from dnslib.server import DNSHandler, DNSLogger, DNSServer

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class Zone:
    """Records, and what was asked for so far, as `name. TYPE`."""

    records: Sequence[RR]
    asked: list[str] = field(default_factory=list)

    def resolve(self, request: DNSRecord, _: DNSHandler) -> DNSRecord:
        """The answer to one question (RFC 1035 4.1)."""
        self.asked.append(f"{request.q.qname} {QTYPE[request.q.qtype]}")
        found = [record for record in self.records if record.rname == request.q.qname]
        answer = request.reply()
        answer.add_answer(*(record for record in found if record.rtype == request.q.qtype))
        if not found:
            answer.header.rcode = RCODE.NXDOMAIN
        return answer


@contextmanager
def serving(zone: Zone) -> Iterator[int]:
    """The port that questions are answered on, by UDP."""
    quiet = DNSLogger("error", logf=lambda _: None)
    server = DNSServer(zone, address=LOOPBACK, port=0, logger=quiet)
    server.start_thread()
    try:
        yield server.server.server_address[1]
    finally:
        server.stop()
        server.server.server_close()


def zone_of(text: str) -> Zone:
    """What a zone file says (RFC 1035 5)."""
    return Zone(records=RR.fromZone(text))


def text_record(name: str, text: str) -> str:
    """A line of a zone file: a long text is several strings of at most 255 octets (RFC 7208 3.3)."""
    strings = " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))
    return f"{name}. 300 IN TXT {strings}\n"
