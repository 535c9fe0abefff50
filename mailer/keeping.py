"""Small files of var/ that must outlive a power cut, written whole or not at all. What they say is for others."""

import os
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile


def keep(path: Path, text: str, *, over: bool = True) -> None:
    """Write the file durably, for its owner's eyes alone; without `over`, one that is there stays as it is.

    It is written beside its place and then put there: whoever finds it finds all of it.

    Raises:
        OSError: it cannot be written, or nobody can know whether it will last. Nothing is left beside its place.
    """
    with NamedTemporaryFile(
        "w", encoding="utf-8", dir=path.parent, prefix=f"{path.name}.", delete=False
    ) as file:
        try:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
            if over:
                Path(file.name).replace(path)
            else:
                with suppress(FileExistsError):
                    os.link(file.name, path)
        finally:
            Path(file.name).unlink(missing_ok=True)
    _keep_names(path.parent)


def _keep_names(folder: Path) -> None:
    """A new name is durable when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
