"""Prompts are files with a version in their name: a changed prompt is another file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Prompt:
    """What a model is told. `file` is the prompt's name in the package, or the name of a user's own file."""

    file: str
    text: str

    @cached_property
    def sha256(self) -> str:
        """Of the text, 64 hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def filled(self, **values: str) -> str:
        """The text with `$name` replaced by what is given for it; a value is never looked into.

        Raises:
            ValueError: the prompt names something that is not given here.
        """
        try:
            return Template(self.text).substitute(values)
        except (KeyError, ValueError) as error:
            known = ", ".join(f"${name}" for name in values) or "nothing"
            raise ValueError(
                f"prompt {self.file}: {error} cannot be filled in; a prompt in this place may use {known}"
            ) from None


def load_prompt(file: str, *fields: str) -> Prompt:
    """A prompt of the package by its name (`video.v1`), or a user's own by its path (with a / in it).

    `fields` are what may be filled in.

    Raises:
        ValueError: there is no such prompt, the file is not UTF-8 text, or it names another field.
    """
    path = Path(file) if "/" in file else _FOLDER / f"{file}.txt"
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        names = ", ".join(sorted(each.stem for each in _FOLDER.glob("*.txt")))
        raise ValueError(
            f"prompt '{file}' cannot be read ({error}); give one of {names}, or the path of a text file"
        ) from None
    if not text:
        raise ValueError(f"prompt '{file}' is empty; write what the model is to do")
    prompt = Prompt(path.name if "/" in file else file, text)
    prompt.filled(**dict.fromkeys(fields, ""))
    return prompt
