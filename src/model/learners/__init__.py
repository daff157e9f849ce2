"""What can be trained, by name; a model on disk says which learner made it."""

from collections.abc import Callable, Mapping
from pathlib import Path

from src.model.errors import UsageError
from src.model.learners.base import Learner, SentimentModel
from src.model.learners.files import read_description
from src.model.settings import Settings

__all__ = ["LEARNERS", "load_model", "make_learner"]


def _tfidf(settings: Settings) -> Learner:
    from src.model.learners.tfidf import TfidfLearner

    return TfidfLearner(
        max_features=settings.tfidf_max_features, min_df=settings.tfidf_min_df, c=settings.tfidf_c, seed=settings.seed
    )


def _load_tfidf(folder: Path) -> SentimentModel:
    from src.model.learners.tfidf import TfidfModel

    return TfidfModel.load(folder)


# A learner's libraries are loaded when it is used, not when somebody asks for its name.
_LEARNERS: Mapping[str, Callable[[Settings], Learner]] = {"tfidf": _tfidf}
_LOADERS: Mapping[str, Callable[[Path], SentimentModel]] = {"tfidf": _load_tfidf}
LEARNERS = tuple(_LEARNERS)


def make_learner(settings: Settings) -> Learner:
    """Return the learner that `REVIEWS_LEARNER` names, with its parameters."""
    return _LEARNERS[settings.learner](settings)


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
