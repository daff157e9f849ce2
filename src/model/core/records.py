"""What is written down about a model: typed, and checked when it is read, whoever wrote it."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from src.model.core.names import TEST_FIGURES_TAG, TEST_TAG

Scalar = str | int | float | bool


class Record(BaseModel):
    """A frozen record; names it does not know are left out, numbers are finite."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class InputFile(Record):
    """One processed file a model learned from: its key, its digest and its number of rows."""

    key: str
    sha256: str
    rows: Annotated[int, Field(ge=0)]


class Language(Record):
    """A language: its code as in BCP 47, its English name, its most frequent words.

    Words that are as frequent in other languages (`a`, `as`, `me`, `no`, `so`) are not among them.
    """

    code: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=35)]
    name: Annotated[str, Field(pattern=r"^[^\W\d_][\w ()-]*$", max_length=40)]
    frequent_words: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=40)], ...],
        Field(min_length=5, max_length=500),
    ]


class Training(Record):
    """What a model was made from.

    `parameters` are everything that decides a model besides its rows, as MLflow has them
    (`hashed.bits`, …). `language` is that of the reviews, English where older versions wrote none.
    `state` has the digests of the files beside the model that only a later training needs; a
    folder that serves has none of them.
    """

    source: str = "an unrecorded source"
    fingerprint: str = ""
    git_sha: str = "unknown"
    lock_sha256: str = "unknown"
    code_sha256: str = "unknown"
    packages: dict[str, str] = {}
    parameters: dict[str, Scalar]
    inputs: tuple[InputFile, ...]
    warm_start_version: int | None = None
    language: Language | None = None
    state: dict[str, str] = {}

    @model_validator(mode="before")
    @classmethod
    def _older_names(cls, given: Any) -> Any:
        """Take over what earlier versions wrote: the counts' digest under a name of its own."""
        if isinstance(given, dict) and "counts_sha256" in given and "state" not in given:
            return {**given, "state": {"counts.zlib": given["counts_sha256"]}}
        return given

    @model_validator(mode="after")
    def _has_what_retraining_needs(self) -> "Training":
        wanted = {"learner": str, "batches": str, "validation_share": float}
        for name, kind in wanted.items():
            if not isinstance(self.parameters.get(name), kind):
                msg = f"parameters name no {name}"
                raise ValueError(msg)
        if not 0 < self.validation_share < 1:
            msg = f"parameters name a validation_share of {self.validation_share}"
            raise ValueError(msg)
        return self

    @property
    def learner(self) -> str:
        return str(self.parameters["learner"])

    @property
    def batches(self) -> str:
        return str(self.parameters["batches"])

    @property
    def validation_share(self) -> float:
        return float(self.parameters["validation_share"])


class Description(Record):
    """`model.json`: the kind of model, what it was trained by and from, digests of its files.

    What only models of one kind say of themselves (bits, calibration, …) stands beside these
    names, in `more`.
    """

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)

    format: Literal[2]
    learner: str
    reader: str = ""
    labels: tuple[Literal["negative"], Literal["positive"]] = ("negative", "positive")
    sha256: dict[str, str]
    training: Training | None = None

    @property
    def kind(self) -> str:
        """The name of the module in `core.models` that reads the model."""
        return self.reader or self.learner

    @property
    def more(self) -> dict[str, Any]:
        """What the model's kind says of itself."""
        return dict(self.model_extra or {})


class Exported(Record):
    """Which version an exported model is, the SHA-256 of its description, and its test figures."""

    name: str
    version: str
    run_id: str
    digest: str = ""
    metrics: dict[str, float]


def test_figures(tags: Mapping[str, str]) -> dict[str, float]:
    """Return a version's figures on the test rows from its tags.

    They are one tag of JSON; older versions have a tag for each. What is no finite number is
    somebody else's, and left out.

    >>> test_figures({"test.figures": '{"accuracy": 0.9}'})
    {'accuracy': 0.9}
    >>> test_figures({"test.accuracy": "0.9", "test.status": "passed", "learner": "hashed"})
    {'accuracy': 0.9}
    """
    listed: dict[str, Any] = {
        name.removeprefix(TEST_TAG): value
        for name, value in tags.items()
        if name.startswith(TEST_TAG) and name != TEST_FIGURES_TAG
    }
    with suppress(ValueError, RecursionError):
        told = json.loads(tags.get(TEST_FIGURES_TAG, "{}"))
        listed |= told if isinstance(told, dict) else {}
    return {name: figure for name, value in listed.items()
            if (figure := _finite(value)) is not None}  # fmt: skip


def _finite(value: Any) -> float | None:
    try:
        figure = float(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return figure if math.isfinite(figure) else None


def first_problem(error: ValidationError) -> str:
    """Return the first thing that pydantic found wrong, as `place: what`; never a value."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"]))
    said = str(first["msg"]).removeprefix("Value error, ")
    return f"{place}: {said}" if place else said
