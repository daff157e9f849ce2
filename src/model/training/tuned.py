"""The best parameters that `tune` found, as `train` takes them over."""

from typing import Any

from pydantic import ValidationError

from src.model.context import Context
from src.model.core.errors import UsageError
from src.model.core.records import Record, first_problem
from src.model.core.settings import Settings

RESULT = "tuning/best.json"
_AGAIN = "Delete it, or run make model-tune again."


class Tuned(Record):
    """What a search found: which trial of which study, its validation log loss, its parameters."""

    learner: str
    study: str
    trial: int
    log_loss: float
    settings: dict[str, Any]


def with_tuned(context: Context) -> Settings:
    """Return the settings with the tuned parameters where nobody set them.

    Only where the learner is the tuned one.

    Raises:
        UsageError: the file is damaged or names what is no parameter.
    """
    settings = context.settings
    if context.storage.size(RESULT) is None:
        return settings
    place = f"{context.storage.root}/{RESULT}"
    try:
        tuned = Tuned.model_validate_json(context.storage.path(RESULT).read_bytes())
        if tuned.learner != settings.learner:
            return settings
        group, mark = settings.parameters, f"{tuned.learner}_"  # once, names had the learner's
        found = {name.removeprefix(mark): value for name, value in tuned.settings.items()}
        if unknown := sorted(set(found) - set(type(group).model_fields)):
            msg = f"{place} names {', '.join(unknown)}, which is no setting."
            raise UsageError(msg, hint=_AGAIN)
        checked = type(group).model_validate(found)
    except ValidationError as error:
        msg = f"{place} is damaged: {first_problem(error)}."
        raise UsageError(msg, hint=_AGAIN) from error
    free = set(found) - group.model_fields_set
    changed = group.model_copy(update={name: getattr(checked, name) for name in free})
    return settings.model_copy(update={tuned.learner: changed})
