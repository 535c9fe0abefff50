"""An address that was wrong is corrected: its owner stands in the list at the right one, and is written to there.

What they get is planning's to say: whatever is still useful, as whoever comes late. Reading a list is in `recipients`.
"""

from datetime import datetime

from mailer.composition.links import Signer
from mailer.errors import ConvenorError
from mailer.outbox import audit, people
from mailer.outbox.database import Database
from mailer.recipients import cells


def correct_address(
    database: Database,
    signer: Signer,
    event: str,
    address: str,
    written: str,
    now: datetime,
    *,
    by: str = audit.COMMAND_LINE,
) -> str:
    """Have whoever stands in the list at `address` stand there at the one that was `written`; how that reads now.

    Raises:
        ConvenorError: it is no address, or the same; nobody on the list has the old one, or somebody has the new.
    """
    try:
        new = cells.address_in(cells.clean(written))
    except ValueError as error:
        said = str(error)
        raise ConvenorError(f"it {said}" if said.startswith(("has ", "holds ")) else said) from None
    if new.lower() == address.lower():
        raise ConvenorError(f"{new} is the address that stands in the list")
    with database.writing() as transaction:
        done = people.readdress(
            transaction, event, address, new, now, lambda each: signer.handle(event, each), by=by
        )
        if not done:
            raise ConvenorError(
                f"either nobody stands in the list at {address} any more, or somebody stands there at {new}; "
                "nothing was changed"
            )
        audit.note(transaction, now, by, "corrected", f"the address {address}: it is {new}", event=event)
    return new
