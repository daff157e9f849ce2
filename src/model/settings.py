"""All settings, typed and frozen, read once at the edge by `load_settings`."""

import difflib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.sources import PydanticBaseSettingsSource

from src.model.errors import SettingsError
from src.model.serving_settings import ServingSettings

PREFIX = "REVIEWS_"
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]

LABEL_PRESETS: dict[str, dict[str, str]] = {
    "polarity": {"1": "negative", "2": "positive"},
    "stars": {"1": "negative", "2": "negative", "3": "drop", "4": "positive", "5": "positive"},
}


class Settings(ServingSettings):
    """One object for the whole program.

    Names in the environment are `REVIEWS_` + the field's name in capitals, except for the standard
    `MLFLOW_*` and `AWS_*` ones. A file `.env` in the working directory is read too; the environment wins.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", allow_inf_nan=False)

    # Where things live
    data_dir: str = Field("data", description="Folder of all data files, or s3://bucket/prefix.")
    cache_dir: Path = Field(Path("data/cache"), description="Local folder for downloads and fetched models.")

    # The source and its columns
    source: str = Field(
        "kaggle:kritanjalijain/amazon-reviews",
        description="What `ingest` reads when `--source` is not given.",
    )
    column_polarity: str = Field("polarity", description="Column that holds the label.")
    column_title: str = Field("title", description="Column that holds the title.")
    column_text: str = Field("text", description="Column that holds the review's text.")
    labels: dict[str, str] = Field(
        LABEL_PRESETS["polarity"],
        description="`polarity` (1, 2), `stars` (1-2, 4-5; 3 dropped), or JSON: value to negative, positive or drop.",
    )
    test_share: Share = Field(0.1, description="Rows held out where a source has no test file, by hash of row_id.")
    max_field_bytes: Positive = Field(1_048_576, description="A longer title or text is quarantined, in bytes.")

    # Limits of `validate`, as shares of rows
    max_quarantined: Share = Field(0.05, description="Rows the ingest set aside, dropped ratings not counted.")
    min_class: Share = Field(0.1, description="Rows of the rarer label, per split.")
    max_empty_title: Share = Field(1.0, description="Rows with an empty title.")
    max_empty_text: Share = Field(0.05, description="Rows with an empty text.")
    max_duplicates: Share = Field(0.1, description="Train rows that repeat an earlier row exactly.")
    max_conflicts: Share = Field(0.01, description="Train rows whose same title and text carry both labels.")
    max_overlap: Share = Field(0.01, description="Test rows that also stand in train.")
    max_encoding_damage: Share = Field(0.02, description="Rows with replacement characters or mojibake.")
    max_non_english: Share = Field(0.2, description="Rows that do not look English by their stop words.")

    # Training
    batches: Annotated[int, Field(ge=1, le=1000)] = Field(10, description="Batches `split_batches` makes.")
    learner: Literal["hashed", "tfidf"] = Field("hashed", description="What is trained.")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = Field(42, description="Seed of everything random in training.")
    validation_share: Annotated[float, Field(gt=0, lt=0.5)] = Field(
        0.05, description="Rows of every batch kept for validation, by hash of row_id."
    )
    abstain_accuracy: Share = Field(
        0.97, description="Accuracy on validation rows outside the band in which the model abstains."
    )
    hashed_bits: Annotated[int, Field(ge=8, le=26)] = Field(22, description="The `hashed` learner has 2^bits buckets.")
    hashed_ngrams: Annotated[int, Field(ge=1, le=4)] = Field(3, description="Its longest n-grams, in tokens.")
    hashed_smoothing: Annotated[float, Field(gt=0)] = Field(1.2, description="Added to every bucket's count.")
    hashed_epochs: Annotated[int, Field(ge=1, le=100)] = Field(3, description="Passes over the training rows.")
    hashed_learning_rate: Annotated[float, Field(gt=0, le=1e30)] = Field(23.0, description="Step size at the start.")
    hashed_damping: Annotated[float, Field(ge=0)] = Field(0.014, description="How much frequent n-grams slow down.")
    hashed_step_rows: Annotated[int, Field(ge=1, le=100_000)] = Field(214, description="Rows per step.")
    hashed_weight_decay: Annotated[float, Field(ge=0)] = Field(
        0.018, description="Share by which weights shrink per epoch."
    )
    hashed_balance: bool = Field(False, description="Weigh both labels the same, however rare one is.")
    hashed_patience: Positive = Field(2, description="Epochs without gain on the validation rows before it stops.")
    hashed_max_bytes: Annotated[int, Field(ge=0)] = Field(
        0, description="Prune the model to at most so many bytes, 1000000 for example; 0 keeps all of it."
    )
    tune_storage: str = Field("sqlite:///optuna.db", description="Where `tune` keeps its searches, for Optuna.")
    tfidf_max_features: Positive = Field(200_000, description="Vocabulary of the `tfidf` learner, in n-grams.")
    tfidf_min_df: Positive = Field(2, description="An n-gram in fewer reviews is left out.")
    tfidf_c: Annotated[float, Field(gt=0)] = Field(8.0, description="Inverse regularisation strength.")

    # Promotion
    promote_min_accuracy: Share = Field(0.80, description="Accuracy a champion must reach on the test rows.")
    promote_min_recall: Share = Field(0.70, description="Recall each label must reach.")
    promote_min_roc_auc: Share = Field(0.85, description="ROC-AUC a champion must reach.")
    promote_max_log_loss: Annotated[float, Field(gt=0)] = Field(0.60, description="Log loss it must not exceed.")
    promote_max_ece: Share = Field(0.15, description="Expected calibration error it must not exceed.")
    promote_max_model_bytes: Positive = Field(20_000_000, description="Size its files must not exceed, in bytes.")
    promote_max_latency_us: Annotated[float, Field(gt=0)] = Field(
        10_000.0, description="Median time of judging one review, in microseconds."
    )
    promote_min_functionality: Share = Field(
        0.6, description="Behavioural cases of minimum functionality it must pass."
    )
    promote_min_invariance: Share = Field(0.8, description="Behavioural cases of invariance it must pass.")
    promote_min_directional: Share = Field(0.7, description="Behavioural cases of direction it must pass.")
    promote_max_accuracy_drop: Share = Field(
        0.01, description="Accuracy it may lose against the champion, at the low end of the 95 % interval."
    )
    promote_max_log_loss_rise: Annotated[float, Field(ge=0)] = Field(
        0.02, description="Log loss it may add to the champion's, at the high end of the 95 % interval."
    )
    promote_max_slice_drop: Share = Field(0.03, description="Accuracy it may lose in a slice, beyond chance.")
    slice_min_rows: Positive = Field(100, description="A slice of fewer test rows is reported, not judged.")

    # MLflow
    mlflow_tracking_uri: str = Field(
        "sqlite:///mlflow.db",
        validation_alias="MLFLOW_TRACKING_URI",
        description="MLflow's address or database; empty turns tracking off.",
    )
    experiment: str = Field("amazon-reviews-training", min_length=1, description="MLflow experiment.")
    model_name: str = Field("amazon-reviews-sentiment", min_length=1, description="Registered model.")
    git_sha: str = Field("", description="Code version where there is no git checkout, as in an image.")

    # AWS: only what S3 needs; left empty, the standard chain (profile, role) decides
    aws_endpoint_url: str = Field("", validation_alias="AWS_ENDPOINT_URL", description="Another S3 address.")
    aws_region: str = Field(
        "us-east-1",
        validation_alias=AliasChoices("AWS_REGION", "AWS_DEFAULT_REGION"),
        description="Region of the bucket.",
    )
    aws_access_key_id: str = Field("", validation_alias="AWS_ACCESS_KEY_ID", description="Key id.")
    aws_secret_access_key: SecretStr = Field(
        SecretStr(""), validation_alias="AWS_SECRET_ACCESS_KEY", description="Secret key."
    )
    aws_session_token: SecretStr = Field(
        SecretStr(""), validation_alias="AWS_SESSION_TOKEN", description="Token of a temporary session."
    )

    # Logs and tests
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="What is logged.")
    log_format: Literal["console", "json"] = Field("console", description="How it is logged, on stderr.")
    real_data: Path | None = Field(None, description="Zip of real reviews for the tests that want one.")

    @field_validator("labels", mode="before")
    @classmethod
    def _labels_by_name_or_json(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value in LABEL_PRESETS:
            return LABEL_PRESETS[value]
        try:
            mapping = json.loads(value)
        except (ValueError, RecursionError):
            mapping = None
        if not isinstance(mapping, dict) or not mapping:
            msg = f"is none of {', '.join(LABEL_PRESETS)} and no JSON object"
            raise ValueError(msg)
        return {str(key): meaning for key, meaning in mapping.items()}

    @field_validator("labels")
    @classmethod
    def _labels_mean_something(cls, value: dict[str, str]) -> dict[str, str]:
        if wrong := sorted(set(value.values()) - {"negative", "positive", "drop"}):
            msg = f"maps to {', '.join(wrong)}; only negative, positive and drop are known"
            raise ValueError(msg)
        if not {"negative", "positive"} <= set(value.values()):
            msg = "must map something to negative and something to positive"
            raise ValueError(msg)
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values only from what `load_settings` hands over, so that nothing else reads the environment."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)


def variable_names() -> dict[str, str]:
    """Return {field name: the first environment variable that sets it}."""
    names = {}
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        names[field] = (
            str(alias.choices[0]) if isinstance(alias, AliasChoices) else str(alias or PREFIX + field.upper())
        )
    return names


def load_settings(environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")) -> Settings:
    """Read the settings from `environ` (default: the process's) over `env_file`.

    Raises:
        SettingsError: an unknown `REVIEWS_*` name, or a value that does not fit.
    """
    values = dict(environ if environ is not None else os.environ)
    if env_file is not None and env_file.is_file():
        try:
            values = {k: v for k, v in dotenv_values(env_file).items() if v is not None} | values
        except UnicodeDecodeError as error:
            raise SettingsError(f"{env_file} is no UTF-8 text: {error}.") from None
    known = variable_names()
    _refuse_unknown(values, set(known.values()))
    given: dict[str, Any] = {}
    for field, info in Settings.model_fields.items():
        alias = info.validation_alias
        names = [str(c) for c in alias.choices] if isinstance(alias, AliasChoices) else [known[field]]
        found = [name for name in names if values.get(name) or (name in values and field == "mlflow_tracking_uri")]
        if not found:
            continue  # an empty variable means the default, except where empty means off
        given[names[0] if alias else field] = values[found[0]]
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError(*_explain(error, known)) from None


def _refuse_unknown(values: Mapping[str, str], known: set[str]) -> None:
    for name in values:
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else "The settings are listed in docs/model/scripts.md."
            msg = f"{name} is not a setting of this project."
            raise SettingsError(msg, hint=f"{hint} Unset it or correct it." if near else hint)


def _explain(error: ValidationError, known: Mapping[str, str]) -> tuple[str]:
    first = error.errors()[0]
    field = str(first["loc"][0])
    name = known.get(field, field)
    reason = str(first["msg"]).removeprefix("Value error, ")
    reason = reason[:1].lower() + reason[1:]
    shown = "" if "SECRET" in name or "TOKEN" in name else f"={first['input']!r}"
    return (f"{name}{shown}: {reason}. See docs/model/scripts.md, Settings.",)
