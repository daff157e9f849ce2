"""The composition root: everything a step may reach, made once at the edge and passed in."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import structlog
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from src.model.core.disk import saying_what_failed
from src.model.core.languages import LanguagePack, language_pack
from src.model.core.settings import Settings
from src.model.files.storage import Storage
from src.model.files.stores import open_storage

if TYPE_CHECKING:
    from src.model.tracking import Registry, Tracker

Advance = Callable[..., None]
"""`advance(done, total)`: this much further, of `total` where that is known."""

_STYLES = (
    (r"(?m)^(Promoted|positive)\b", "bold green"),
    (r"(?m)^(Kept back|Tie|negative)\b|\bMISSED\b", "bold red"),
    (r"(?m)^undecided\b", "bold yellow"),
)


@dataclass
class Context:
    """Everything a step may reach, made once here and passed in.

    What is dear to load is made on first use.
    """

    settings: Settings
    err: Console = field(default_factory=lambda: Console(stderr=True))
    out: Console = field(default_factory=lambda: Console(stderr=True))
    _closing: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    @cached_property
    def scratch(self) -> Path:
        """A folder for temporary files, gone when the context closes."""
        with saying_what_failed("The temporary folder"):
            folder = tempfile.TemporaryDirectory(prefix="reviews-")
        return Path(self._closing.enter_context(folder))

    @property
    def log(self) -> Any:
        return structlog.get_logger()

    @cached_property
    def language(self) -> LanguagePack:
        """The language of the reviews. Raises SettingsError where it cannot be had."""
        return language_pack(self.settings.language)

    @cached_property
    def storage(self) -> Storage:
        return open_storage(self.settings, self.scratch)

    @cached_property
    def tracker(self) -> "Tracker":
        from src.model.tracking import open_tracker

        return open_tracker(self.settings)

    @cached_property
    def registry(self) -> "Registry":
        from src.model.tracking import open_registry

        return open_registry(self.settings, self.storage, self.scratch)

    def tell(self, text: str) -> None:
        """Show people what a step that is part of something larger has answered, as it ends."""
        shown = Text(text)
        for words, style in _STYLES:
            shown.highlight_regex(words, style)
        self.out.print(shown, soft_wrap=True)
        self.out.file.flush()

    @contextmanager
    def progress(self, what: str) -> Iterator[Advance]:
        """Show a bar on a terminal while the block runs, and nothing elsewhere."""
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(show_speed=True),
            TimeRemainingColumn(),
            console=self.err,
            disable=not self.err.is_terminal,
            transient=True,
        ) as bar:
            task = bar.add_task(what, total=None)

            def advance(done: float, total: float | None = None) -> None:
                if total is not None:
                    bar.update(task, total=total)
                bar.update(task, advance=done)

            yield advance
