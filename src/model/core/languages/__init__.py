"""The languages that come with the program, a TOML file each, and those of anybody else.

Such a file names the language and its most frequent words, the words that the slices of the test
rows look for, and behavioural cases: what a model of reviews in it should be able to do.
"""

import re
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, ValidationError, model_validator

from src.model.core.errors import SettingsError
from src.model.core.labels import Label
from src.model.core.records import Language, Record, first_problem
from src.model.core.text import clean_field, tokens

DEFAULT = "en"
_FOLDER = Path(__file__).parent
_Words = Annotated[str, Field(min_length=1, max_length=5_000)]


class _CaseGroup(Record):
    model_config = ConfigDict(frozen=True, extra="forbid")

    capability: Annotated[str, Field(min_length=1, max_length=80)]
    field: Literal["title", "text"] = "text"


class LabelledCases(_CaseGroup):
    """Reviews whose label is known."""

    label: Label
    cases: tuple[_Words, ...]


class PairedCases(_CaseGroup):
    """Reviews, each with the same one changed in a way that means nothing."""

    pairs: tuple[tuple[_Words, _Words], ...]


class MovedCases(PairedCases):
    """Reviews, each with the same one changed so that the probability of positive `moves`."""

    moves: Literal["down", "up", "not down", "not up"]


class LanguagePack(Language):
    """What is known of a language: all that its file says.

    `negation` and `contrast` are words that turn or set off an opinion, as regular expressions of
    whole words. The cases are those of CheckList, see `evaluation.behaviour`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    negation: tuple[str, ...] = ()
    contrast: tuple[str, ...] = ()
    minimum: tuple[LabelledCases, ...] = ()
    invariance: tuple[PairedCases, ...] = ()
    directional: tuple[MovedCases, ...] = ()

    @property
    def language(self) -> Language:
        """What a model keeps of it."""
        return Language(code=self.code, name=self.name, frequent_words=self.frequent_words)

    @model_validator(mode="after")
    def _words_are_tokens(self) -> "LanguagePack":
        for word in self.frequent_words:
            if tokens(clean_field(word)) != [word]:
                msg = f"frequent_words: {word!r} is no single word in lower case"
                raise ValueError(msg)
        for pattern in (*self.negation, *self.contrast):
            try:
                re.compile(pattern)
            except re.error as error:
                msg = f"{pattern!r} is no regular expression: {error}"
                raise ValueError(msg) from None
        return self


def shipped() -> Sequence[str]:
    """Return the codes of the languages that come with the program."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


@lru_cache(16)
def language_pack(value: str) -> LanguagePack:
    """Return a language by its code, or from the file at a path.

    Raises:
        SettingsError: there is no such language or file, or it cannot be used.
    """
    path = _FOLDER / f"{value}.toml" if value in shipped() else Path(value).expanduser()
    known = ", ".join(shipped())
    if value not in shipped() and path.suffix != ".toml":
        msg = f"REVIEWS_LANGUAGE={value} is no language that is known here."
        raise SettingsError(msg, hint=f"Known are {known}; name a file for another: es.toml.")
    try:
        return LanguagePack.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        msg = f"REVIEWS_LANGUAGE={value} cannot be read: {error.strerror or error}."
        raise SettingsError(msg, hint=f"Name a file that is there, or one of {known}.") from None
    except (ValueError, RecursionError) as error:
        said = first_problem(error) if isinstance(error, ValidationError) else str(error)
        msg = f"REVIEWS_LANGUAGE={value} cannot be used: {said}."
        hint = f"A file to copy: {_FOLDER.relative_to(_FOLDER.parents[3])}/pt.toml."
        raise SettingsError(msg, hint=hint) from None


def english() -> Language:
    """Return the language of models that name none."""
    return language_pack(DEFAULT).language
