"""The files beside an agenda file: found below its folder, read once each, and nothing outside of it."""

from pathlib import Path

from mailer.agenda.attachments import LARGEST, LARGEST_OF_AN_EVENT, WHOLE_EVENT, attachment, megabytes
from mailer.agenda.model import Attachment


class Folder:
    """Gives what lies in `path`. `contents` has what was read, by its SHA-256."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[str, Attachment] = {}
        self.contents: dict[str, bytes] = {}

    def __call__(self, file: str) -> Attachment:
        """The file of a path that is sound as such (`attachments.problems_of_path`).

        Raises:
            ValueError: it cannot be attached; why.
        """
        if file not in self._known:
            content = self._content(file)
            self._known[file] = attachment(file, content)
            self.contents[self._known[file].digest] = content
        return self._known[file]

    def _content(self, file: str) -> bytes:
        try:
            place = (self._path / file).resolve(strict=True)
            if not place.is_relative_to(self._path.resolve()):
                raise ValueError("leads out of the folder of the agenda file")
            if not place.is_file():
                raise ValueError("is not a file")
            with place.open("rb") as opened:
                content = opened.read(LARGEST + 1)
        except FileNotFoundError:
            raise ValueError("is not there") from None
        except (OSError, RuntimeError) as error:
            raise ValueError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
        if not content:
            raise ValueError("is empty")
        if len(content) > LARGEST:
            raise ValueError(f"is larger than the {megabytes(LARGEST)} that a letter may carry")
        if sum(map(len, self.contents.values())) + len(content) > LARGEST_OF_AN_EVENT:
            raise ValueError(f"is too much: {WHOLE_EVENT}")
        return content
