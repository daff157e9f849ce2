"""What the API takes and gives."""

from typing import Annotated, Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict, JsonValue

MAX_TITLE, MAX_MESSAGE, MAX_BATCH = 1_000, 50_000, 1_000
Label = Literal["negative", "positive"]
Answer = Literal["negative", "positive", "undecided"]

_EXAMPLE: JsonDict = {
    "title": "Broke in a day",
    "message": "A total waste of money; the handle came off in my hand.",
}


_MODEL: JsonDict = {"name": "amazon-reviews-sentiment", "version": "3", "run_id": "8f2c" * 8}
_ID = "4d5e" * 8

_NOT_EMPTY: list[JsonValue] = [
    {"required": [field], "properties": {field: {"pattern": r"\S"}}}
    for field in ("title", "message")
]
"""Says in the OpenAPI document what `_says_something` checks."""


class _Strict(BaseModel):
    """Unknown fields and other types are refused, not guessed at."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Review(_Strict):
    """A review to judge; one of both fields may be empty."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE], "anyOf": _NOT_EMPTY})

    title: str = Field("", max_length=MAX_TITLE, description="The review's title.")
    message: str = Field(
        "",
        max_length=MAX_MESSAGE,
        validation_alias=AliasChoices("message", "text"),
        description="The review's text; `text` is taken too.",
    )

    @model_validator(mode="before")
    @classmethod
    def _says_it_once(cls, given: Any) -> Any:
        if isinstance(given, dict) and {"message", "text"} <= given.keys():
            msg = "message and text are two names of one field: give one of them"
            raise ValueError(msg)
        return given

    @model_validator(mode="after")
    def _says_something(self) -> "Review":
        if not (self.title.strip() or self.message.strip()):
            msg = "title and message are both empty: write something in one of them"
            raise ValueError(msg)
        return self


class Batch(_Strict):
    """Up to 1,000 reviews. Each is checked by itself: a bad one does not spoil the others."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reviews": [_EXAMPLE]}]})

    reviews: Annotated[
        list[Any], Field(min_length=1, max_length=MAX_BATCH, description="Objects like `Review`.")
    ]


class Feedback(_Strict):
    """What a person says about a prediction."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"request_id": _ID, "label": "negative"}]}
    )

    request_id: str = Field(
        pattern=r"^[A-Za-z0-9._-]{8,70}$", description="The prediction's `request_id`."
    )
    label: Label = Field(description="What the review really is.")


class ModelName(BaseModel):
    """Which model answered."""

    name: str
    version: str
    run_id: str


class Occurrence(BaseModel):
    """Where an n-gram stands, in characters of the explanation's own title or message."""

    field: Literal["title", "message"]
    start: int
    end: int


class ContributionOut(BaseModel):
    """An n-gram's share of the log-odds, and where it stands."""

    ngram: str
    weight: float
    occurrences: list[Occurrence]


class Explanation(BaseModel):
    """The review as the model reads it, and what every n-gram adds.

    With the intercept it adds up to the log-odds.
    """

    title: str
    message: str
    intercept: float
    exact: bool = Field(description="Whether contributions and intercept add up to the log-odds.")
    contributions: list[ContributionOut]


class Prediction(BaseModel):
    """The verdict on one review."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "label": "negative",
                    "confidence": 0.9991,
                    "probability": 0.0009,
                    "abstained": False,
                    "unknown_share": 0.0,
                    "other_language": False,
                    "model": _MODEL,
                    "request_id": _ID,
                }
            ]
        }
    )

    label: Answer = Field(description="`undecided` where the model knows no word of the review.")
    confidence: float = Field(ge=0.5, le=1, description="Probability of the label.")
    probability: float = Field(ge=0, le=1, description="Probability of positive.")
    abstained: bool = Field(
        description="Whether it is too close to call: undecided, leaning to the label."
    )
    unknown_share: float = Field(
        ge=0, le=1, description="Share of the words that the model has never learned from."
    )
    other_language: bool = Field(
        description="Whether it does not look like the language that the model reads."
    )
    model: ModelName
    request_id: str = Field(description="Name it in feedback; also the header X-Request-ID.")
    explanation: Explanation | None = None


class BatchItem(BaseModel):
    """The verdict on one review of a batch and the version that gave it, or why there is none."""

    label: Answer | None = None
    confidence: float | None = None
    probability: float | None = None
    abstained: bool | None = None
    unknown_share: float | None = None
    other_language: bool | None = None
    model_version: str | None = None
    error: str | None = None


class BatchPrediction(BaseModel):
    """One item for each review, in their order, and every model that answered one of them.

    The prediction of review number n, from 0, has the `request_id` with `.n` behind it.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "models": [_MODEL],
                    "request_id": _ID,
                    "results": [
                        {
                            "label": "positive",
                            "confidence": 0.9987,
                            "probability": 0.9987,
                            "abstained": False,
                            "unknown_share": 0.0,
                            "other_language": False,
                            "model_version": "3",
                        },
                        {"error": "title and message are both empty"},
                    ],
                    "failed": 1,
                }
            ]
        }
    )

    models: list[ModelName]
    request_id: str
    results: list[BatchItem]
    failed: int


class Accepted(BaseModel):
    """The feedback was taken down."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"request_id": _ID, "accepted": True, "known": True}]}
    )

    request_id: str
    accepted: bool
    known: bool = Field(description="Whether the service remembers a prediction of that id.")


class ModelOut(BaseModel):
    """The model that is served."""

    name: str
    version: str
    alias: str
    language: str = Field(description="Of the reviews that the model was made for.")
    run_id: str
    digest: str
    data_digest: str
    generated_data: bool = Field(
        description="Whether it learned from generated reviews: then `metrics` say nothing of "
        "real ones."
    )
    source: str
    loaded_at: str
    card: str | None
    metrics: dict[str, float]
    challenger: "ChallengerOut | None" = None


class ChallengerOut(ModelOut):
    """The model that challenges the served one, and how: in its place for some, or unheard."""

    role: Literal["shadow", "canary"]


class Health(BaseModel):
    """Whether the service is alive, or ready."""

    status: Literal["alive", "ready", "not ready"]
    model_version: str | None = None


class ProblemOut(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
