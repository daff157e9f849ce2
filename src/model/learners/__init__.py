"""What can be trained, by name; a model on disk says which learner made it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from src.model.artifact import read_description
from src.model.errors import ModelError, UsageError
from src.model.learners.base import Learner, SentimentModel
from src.model.settings import Settings

__all__ = ["LEARNERS", "load_model", "make_learner", "recorded_settings"]


def _tfidf(settings: Settings) -> Learner:
    from src.model.learners.tfidf import TfidfLearner

    return TfidfLearner(
        max_features=settings.tfidf_max_features, min_df=settings.tfidf_min_df, c=settings.tfidf_c, seed=settings.seed
    )


def _hashed(settings: Settings) -> Learner:
    from src.model.learners.descent import Pace
    from src.model.learners.hashed import HashedLearner

    return HashedLearner(
        bits=settings.hashed_bits,
        ngrams=settings.hashed_ngrams,
        smoothing=settings.hashed_smoothing,
        pace=Pace(
            epochs=settings.hashed_epochs,
            learning_rate=settings.hashed_learning_rate,
            damping=settings.hashed_damping,
            step_rows=settings.hashed_step_rows,
            weight_decay=settings.hashed_weight_decay,
            balance=settings.hashed_balance,
            patience=settings.hashed_patience,
        ),
        abstain_accuracy=settings.abstain_accuracy,
        max_bytes=settings.hashed_max_bytes,
        seed=settings.seed,
        cache_dir=settings.cache_dir / "features",
    )


def _load_hashed(folder: Path) -> SentimentModel:
    from src.model.classifier import SentimentClassifier

    return SentimentClassifier.load(folder)


def _load_tfidf(folder: Path) -> SentimentModel:
    from src.model.learners.tfidf import TfidfModel

    return TfidfModel.load(folder)


# A learner's libraries are loaded when it is used, not when somebody asks for its name.
_LEARNERS: Mapping[str, Callable[[Settings], Learner]] = {"hashed": _hashed, "tfidf": _tfidf}
_LOADERS: Mapping[str, Callable[[Path], SentimentModel]] = {"hashed": _load_hashed, "tfidf": _load_tfidf}
LEARNERS = tuple(_LEARNERS)


def make_learner(settings: Settings) -> Learner:
    """Return the learner that `REVIEWS_LEARNER` names, with its parameters."""
    return _LEARNERS[settings.learner](settings)


def recorded_settings(parameters: Mapping[str, Any], settings: Settings) -> Settings:
    """Return the settings with which a model was trained, from its recorded parameters (`hashed.bits`, …).

    Raises:
        ModelError: the record names no learner, or parameters that no version of it had.
    """
    name = parameters.get("learner")
    mine = {key.removeprefix(f"{name}."): value for key, value in parameters.items() if key.startswith(f"{name}.")}
    known = Settings.model_fields
    fields = {f"{name}_{key}" if f"{name}_{key}" in known else key: value for key, value in mine.items()}
    try:
        checked = Settings.model_validate({"learner": name, **{key: fields[key] for key in fields if key in known}})
    except ValidationError as error:
        first = error.errors()[0]
        msg = f"The recorded parameters cannot be used: {first['loc'][0]}: {first['msg']}."
        raise ModelError(msg, hint="Was it trained by another version of the program? Train again.") from error
    return settings.model_copy(update={key: getattr(checked, key) for key in checked.model_fields_set})


def load_model(folder: Path) -> SentimentModel:
    """Return the model saved in `folder`.

    Raises:
        ModelError: a missing or damaged file, or an unknown format version.
        UsageError: a learner this version does not know.
    """
    name = read_description(folder)["learner"]
    if name not in _LOADERS:
        msg = f"{folder} was made by the learner {name}, which this version does not know."
        raise UsageError(msg, hint=f"Known are {', '.join(LEARNERS)}.")
    return _LOADERS[name](folder)
