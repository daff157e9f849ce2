"""What can be trained: one module for each learner, chosen by name.

A learner's libraries are loaded when it is used, not when somebody asks for its name.
"""

import importlib
from collections.abc import Mapping

from pydantic import ValidationError

from src.model.core.errors import ModelError
from src.model.core.records import Scalar, first_problem
from src.model.core.settings import Settings
from src.model.learners.base import Learner

__all__ = ["make_learner", "recorded_settings"]


def make_learner(settings: Settings) -> Learner:
    """Return the learner that `REVIEWS_LEARNER` names, with its parameters."""
    module = importlib.import_module(f"{__name__}.{settings.learner}")
    learner: Learner = module.make(settings)
    return learner


def recorded_settings(parameters: Mapping[str, Scalar], settings: Settings) -> Settings:
    """Return the settings with which a model was trained, from its record (`hashed.bits`, …).

    Raises:
        ModelError: the record names no learner, or parameters that no version of it had.
    """
    name = str(parameters.get("learner"))
    mark = f"{name}."
    mine = {key.removeprefix(mark): v for key, v in parameters.items() if key.startswith(mark)}
    if name not in Settings.learners():
        raise ModelError(f"The record names the learner {name!r}, which is not known here.")
    group = type(getattr(settings, name))
    own = {key: value for key, value in mine.items() if key in group.model_fields}
    common = {key: v for key, v in mine.items() if key in Settings.model_fields and key not in own}
    try:
        checked = Settings.model_validate({"learner": name, name: own, **common})
    except ValidationError as error:
        msg = f"The recorded parameters cannot be used: {first_problem(error)}."
        hint = "Was it trained by another version of the program? Train again."
        raise ModelError(msg, hint=hint) from error
    changes = {key: getattr(checked, key) for key in ("learner", name, *common)}
    return settings.model_copy(update=changes)
