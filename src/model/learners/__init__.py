"""What can be trained, by name; a model on disk says which learner made it."""

from pathlib import Path

from src.model.errors import UsageError
from src.model.learners.base import Learner, SentimentModel
from src.model.learners.files import read_description
from src.model.learners.tfidf import TfidfLearner, TfidfModel
from src.model.settings import Settings

__all__ = ["LEARNERS", "load_model", "make_learner"]

LEARNERS = ("tfidf",)
_MODELS: dict[str, type[SentimentModel]] = {"tfidf": TfidfModel}


def make_learner(settings: Settings) -> Learner:
    """Return the learner that `REVIEWS_LEARNER` names, with its parameters."""
    return TfidfLearner(
        max_features=settings.tfidf_max_features, min_df=settings.tfidf_min_df, c=settings.tfidf_c, seed=settings.seed
    )


def load_model(folder: Path) -> SentimentModel:
    """Return the model saved in `folder`.

    Raises:
        ModelError: a missing or damaged file, or an unknown format version.
        UsageError: a learner this version does not know.
    """
    name = read_description(folder)["learner"]
    if name not in _MODELS:
        msg = f"{folder} was made by the learner {name}, which this version does not know."
        raise UsageError(msg, hint=f"Known are {', '.join(LEARNERS)}.")
    return _MODELS[name].load(folder)
