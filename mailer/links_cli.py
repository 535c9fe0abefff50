"""`convenor links`: the personal links of somebody, taken out of force by hand.

A part of the command line, in a module of its own. What a link opens is decided in `web`.
"""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    epilog="Example: convenor links revoke a.petrosyan@armenia-mission.example",
    help="The personal links in letters.",
)


@app.callback()
def links() -> None:
    """The personal links in letters."""


@app.command(epilog="Example: convenor links revoke a.petrosyan@armenia-mission.example")
def revoke(
    address: Annotated[str, typer.Argument(help="The recipient's address.")],
    event: Annotated[
        Path | None, typer.Option("--event", help="The agenda file, if not the usual one.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Make every link this person was ever sent lead nowhere. Letters that leave from now on carry new ones."""
    from mailer.errand import errand

    with errand(event) as this:
        generation = this.revoke_links(address)
    if json:
        from pydantic_core import to_json

        print(to_json({"address": address, "generation": generation}, indent=2).decode())
    else:
        print(f"Every link that {address} was sent leads nowhere now. The next letter carries new ones.")
