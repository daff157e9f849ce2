"""One day of the prediction log as a sketch: made once from each of its parts, and kept.

Beside the counts it keeps 14 bytes for each prediction (who it was, and what it said), so that a
label that comes weeks later finds its prediction without the log being read again.
"""

import hashlib
import json
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple, Self
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import polars as pl

from src.model.core.errors import DataError
from src.model.core.text import clean, tokens
from src.monitoring.log_frames import PartRows, with_text
from src.monitoring.measures import FORMAT, MEASURES, Judged
from src.monitoring.seen import Seen
from src.monitoring.sketch import Sketch
from src.monitoring.yardstick import Yardstick

_WORD_TEXTS, _WORDS, _EXAMPLES = 20_000, 5_000, 40
_DAMAGE = (
    OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, IndexError, RuntimeError,
    MemoryError, OverflowError, struct.error, zlib.error, BadZipFile,
)  # fmt: skip
REPEATED = "prediction that is there already"
_SAID = np.dtype([("id", "<u8"), ("group", "<u2"), ("score", "<f4")])
_TOLD = np.dtype([("id", "<u8"), ("time", "<i8"), ("positive", "?"), ("client", "<u4")])


class Group(NamedTuple):
    """A version, and the SHA-256 of its model's description."""

    version: str
    digest: str


@dataclass
class Words:
    """In how many of some reviews with text a word stands, and reviews as examples."""

    reviews: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, str]] = field(default_factory=list)

    def add(self, titles: list[str], texts: list[str]) -> None:
        """Take reviews, up to 20,000 in all."""
        room = max(_WORD_TEXTS - self.reviews, 0)
        for title, text in zip(titles[:room], texts[:room], strict=True):
            review = clean(title, text)
            self.counts.update({*tokens(review.title), *tokens(review.text)})
            self.reviews += 1
            if len(self.examples) < _EXAMPLES:
                self.examples.append((title[:200], text[:400]))


@dataclass
class Day:
    """What is known of a day: the parts it was made from, and by group what they hold.

    `yardsticks` are the digests of the yardsticks that texts were held against, by group.
    """

    name: str
    parts: dict[str, int] = field(default_factory=dict)
    aside: Counter[str] = field(default_factory=Counter)
    groups: list[Group] = field(default_factory=list)
    sketches: list[Sketch] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)
    yardsticks: dict[str, str] = field(default_factory=dict)
    clients: list[str] = field(default_factory=list)
    told: npt.NDArray[Any] = field(default_factory=lambda: np.zeros(0, _TOLD))
    _path: Path | None = None
    _seen: Seen | None = None
    _chunks: list[npt.NDArray[Any]] = field(default_factory=list)

    def said(self) -> npt.NDArray[Any]:
        """Return who predicted what, sorted by id: read from the day's file when it is asked for.

        So a window of many days takes the memory of one.
        """
        kept = np.zeros(0, _SAID)
        if self._path is not None:
            with np.load(self._path, allow_pickle=False) as found:
                kept = found["said"].astype(_SAID)
        said = np.concatenate([kept, *self._chunks])
        return said[np.argsort(said["id"], kind="stable")]

    def add(self, rows: PartRows, yardstick: Callable[[Group], Yardstick | None]) -> None:
        """Take the rows of a part; `yardstick` returns that of a group."""
        self.aside += rows.aside
        self._told(rows.feedback)
        fresh = self._fresh(rows.predictions) if rows.predictions.height else rows.predictions
        for key, frame in fresh.partition_by("version", "digest", as_dict=True).items():
            group = Group(*map(str, key))
            number = self._number(group)
            sketch = Sketch.of(_judged(frame, yardstick(group)))
            self.sketches[number] = Sketch.sum([self.sketches[number], sketch])
            texts = with_text(frame)
            self.words[number].add(texts["title"].to_list(), texts["message"].to_list())

    def _number(self, group: Group) -> int:
        if group not in self.groups:
            self.groups.append(group)
            self.sketches.append(Sketch.sum([]))
            self.words.append(Words())
        return self.groups.index(group)

    def _fresh(self, predictions: pl.DataFrame) -> pl.DataFrame:
        """Return the predictions that are not there yet, and take down who they are."""
        said = np.zeros(predictions.height, _SAID)
        said["id"] = _ids(predictions["request_id"])
        groups = predictions.select("version", "digest").unique(maintain_order=True).rows()
        for key in groups:
            of_group = (pl.col("version") == key[0]) & (pl.col("digest") == key[1])
            mask = predictions.select(of_group.alias("own"))["own"].to_numpy()
            said["group"][mask] = self._number(Group(*key))
        said["score"] = predictions["probability"].to_numpy()
        if self._seen is None:
            self._seen = Seen()
            self._seen.fresh(_names(self.said()))
        fresh = self._seen.fresh(_names(said))
        self._chunks.append(said[fresh])
        if fresh.all():
            return predictions
        self.aside[REPEATED] += int((~fresh).sum())
        return predictions.filter(pl.Series(fresh))

    def _told(self, feedback: pl.DataFrame) -> None:
        told = np.zeros(feedback.height, _TOLD)
        told["id"] = _ids(feedback["request_id"])
        told["time"] = feedback["time"].dt.timestamp("us").to_numpy()
        told["positive"] = (feedback["label"] == "positive").to_numpy()
        names = feedback["client"].fill_null("").to_list()
        for name in dict.fromkeys(names):
            if name not in self.clients:
                self.clients.append(name)
        place = {name: number for number, name in enumerate(self.clients)}
        told["client"] = [place[name] for name in names]
        self.told = np.concatenate([self.told, told])

    def write(self, path: Path) -> None:
        """Write the day to a file. Raises OSError."""
        about = {
            "format": FORMAT,
            "name": self.name,
            "parts": self.parts,
            "aside": dict(sorted(self.aside.items())),
            "groups": self.groups,
            "yardsticks": self.yardsticks,
            "clients": self.clients,
            "words": [
                [words.reviews, _most_common(words.counts), words.examples] for words in self.words
            ],
        }
        counts: dict[str, Any] = {
            measure.name: np.array(
                [sketch.counts[measure.name] for sketch in self.sketches], np.int64
            ).reshape(len(self.sketches), measure.values.size)
            for measure in MEASURES
        }
        text = np.frombuffer(json.dumps(about).encode(), np.uint8)
        with path.open("wb") as file:
            arrays: dict[str, Any] = {"about": text, "said": self.said(), "told": self.told}
            np.savez(file, **arrays, **counts)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the day in a file. Raises DataError where it is damaged or of another format."""
        try:
            # given open, since numpy leaves the file of a damaged archive open
            with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
                about = json.loads(found["about"].tobytes())
                counts = {measure.name: found[measure.name] for measure in MEASURES}
                told = found["told"].astype(_TOLD)
                _ = found["said"].astype(_SAID)  # what is damaged is found here
            if about["format"] != FORMAT:
                raise DataError(f"{path} is of another format.")
            groups = [Group(*group) for group in about["groups"]]
            sizes = {measure.name: (len(groups), measure.values.size) for measure in MEASURES}
            if {name: rows.shape for name, rows in counts.items()} != sizes:
                raise DataError(f"{path} has other bins.")
            if len(about["words"]) != len(groups):
                raise DataError(f"{path} has other groups than words.")
            return cls(
                name=about["name"],
                parts=about["parts"],
                aside=Counter(about["aside"]),
                groups=groups,
                sketches=[
                    Sketch({name: rows[number] for name, rows in counts.items()})
                    for number in range(len(groups))
                ],
                words=[
                    Words(reviews, Counter(dict(most)), [(a, b) for a, b in examples])
                    for reviews, most, examples in about["words"]
                ],
                yardsticks=about["yardsticks"],
                clients=about["clients"],
                told=told,
                _path=path,
            )
        except _DAMAGE as error:
            raise DataError(f"{path} is damaged: {error!r}.") from None


def _most_common(counts: Counter[str]) -> list[tuple[str, int]]:
    """Return the most frequent words, those of one count by the alphabet."""
    return sorted(counts.items(), key=lambda found: (-found[1], found[0]))[:_WORDS]


def _ids(names: pl.Series) -> npt.NDArray[np.uint64]:
    """Return a 64-bit name for each request id, the same on every machine, shape (n,)."""
    digests = (hashlib.blake2b(n.encode(), digest_size=8).digest() for n in names.to_list())
    return np.frombuffer(b"".join(digests), "<u8")


def _names(said: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Return a name for each request and group, shape (n,): one request, several models."""
    mixed = said["id"] ^ (said["group"].astype(np.uint64) + np.uint64(1)) * np.uint64(
        0x9E3779B97F4A7C15
    )
    return np.asarray(mixed, np.uint64)


def _judged(frame: pl.DataFrame, yardstick: Yardstick | None) -> Judged:
    surprise = np.full(frame.height, np.nan)
    if yardstick is not None and frame["message"].null_count() < frame.height:
        known = frame.select(
            pl.all_horizontal(pl.col("title").is_not_null(), pl.col("message").is_not_null())
        ).to_series()
        texts = frame.filter(known)
        surprise[known.to_numpy()] = yardstick.surprise(
            texts["title"].to_list(), texts["message"].to_list()
        )
    named = {field.name: frame[field.name].to_numpy() for field in fields(Judged)[:-1]}
    return Judged(**named, surprise=surprise)
