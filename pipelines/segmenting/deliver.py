"""Hands what was found in files to the user: on the terminal, as pictures, edit list, or clips."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.media.sandbox import Sandbox
from pipelines.segmenting.describe import description, table
from pipelines.segmenting.edl import MAX_EVENTS, EditList
from pipelines.segmenting.files import Segmented, Unreadable
from pipelines.segmenting.outputs import check_file, check_folder, write_file
from pipelines.segmenting.sheet import ContactSheet
from pipelines.segmenting.split import Splitter
from pipelines.segmenting.split_writer import NotWritten


@dataclass(frozen=True)
class Wishes:
    """What the user asked for: JSON lines instead of a table, and files; `overwrite` says whether to replace
    what is there."""

    as_json: bool = False
    contact_sheet: Path | None = None
    edl: Path | None = None
    split: Path | None = None
    overwrite: bool = False


class Delivery:
    """Delivers files one by one, then what they share. `say` is for stdout, `warn` for problems."""

    def __init__(
        self,
        wishes: Wishes,
        uris: Sequence[str],
        *,
        say: Callable[[str], object],
        warn: Callable[[str], object],
    ) -> None:
        """`uris` are all the files, which no output replaces.

        Raises:
            ValueError: an output cannot be written.
        """
        self._wishes, self._say, self._warn = wishes, say, warn
        self.readable = self.problems = 0
        self._sheet = self._edits = self._splitter = None
        if wishes.contact_sheet is not None:
            check_file("--contact-sheet", wishes.contact_sheet, uris, wishes.overwrite)
            self._sheet = ContactSheet()
        if wishes.edl is not None:
            check_file("--edl", wishes.edl, uris, wishes.overwrite)
            self._edits = EditList(wishes.edl.stem)
        if wishes.split is not None:
            check_folder("--split", wishes.split)
            self._splitter = Splitter(wishes.split, kept=uris, overwrite=wishes.overwrite)

    def add(self, found: Segmented | Unreadable) -> None:
        """Deliver a file."""
        if self._wishes.as_json:
            self._say(json.dumps(description(found)))
        if isinstance(found, Unreadable):
            self._problem(f"{found.uri}: {found.reason}: {found.detail}")
            return
        self.readable += 1
        if not self._wishes.as_json:
            self._say("\n".join(table(found)))
        if self._sheet is not None:
            self._sheet.add(found, Sandbox(found.source.limits))
        if self._edits is not None and (problem := self._edits.add(found)):
            self._problem(f"{found.uri} is not in {self._wishes.edl}: it {problem}")
        if self._splitter is not None:
            self._split(self._splitter, found)

    def finish(self) -> None:
        """Write what several files share."""
        if not self.readable:
            return
        if self._sheet is not None and self._wishes.contact_sheet is not None:
            self._write(self._wishes.contact_sheet, self._sheet.png())
        if self._edits is not None and self._wishes.edl is not None:
            self._write(self._wishes.edl, self._edits.text().encode())
            if self._edits.events > MAX_EVENTS:
                self._warn(
                    f"{self._wishes.edl} has {self._edits.events} events; some editors read no more than "
                    f"{MAX_EVENTS}, so give fewer files at a time"
                )

    def _split(self, splitter: Splitter, found: Segmented) -> None:
        try:
            files = splitter.split(found)
        except ValueError as error:
            self._problem(f"{found.uri} is not split: {error}")
            return
        failed = [each for each in files if isinstance(each, NotWritten)]
        if failed:
            self._problem(
                f"{found.uri}: {len(failed)} of {len(files)} clips are not written, e.g. {failed[0].path}, "
                f"since the file {failed[0].detail}"
            )
        if len(failed) < len(files) and not self._wishes.as_json:
            self._say(f"  {len(files) - len(failed)} clips in {self._wishes.split}")

    def _write(self, path: Path, content: bytes) -> None:
        write_file(path, content)
        if not self._wishes.as_json:
            self._say(f"wrote {path}")

    def _problem(self, text: str) -> None:
        self.problems += 1
        self._warn(text)
