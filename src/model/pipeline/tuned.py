"""The best parameters that `tune` found, as `train` takes them over."""

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from src.model.command import Context
from src.model.errors import UsageError
from src.model.settings import Settings

RESULT = "tuning/best.json"


class Tuned(BaseModel):
    """What a search found: which trial of which study, its log loss on the validation rows, and its settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    learner: str
    study: str
    trial: int
    log_loss: float
    settings: dict[str, Any]


def with_tuned(context: Context) -> Settings:
    """Return the settings with the tuned ones where nobody set them and the learner is the tuned one.

    Raises:
        UsageError: the file is damaged or names what is no setting.
    """
    settings = context.settings
    if context.storage.size(RESULT) is None:
        return settings
    try:
        tuned = Tuned.model_validate_json(context.storage.path(RESULT).read_bytes())
        if unknown := sorted(set(tuned.settings) - set(Settings.model_fields)):
            msg = f"{context.storage.root}/{RESULT} names {', '.join(unknown)}, which is no setting."
            raise UsageError(msg, hint="Delete it, or run make model-tune again.")
        checked = Settings.model_validate(tuned.settings)
    except ValidationError as error:
        first = error.errors()[0]
        msg = f"{context.storage.root}/{RESULT} is damaged: {'.'.join(map(str, first['loc']))}: {first['msg']}."
        raise UsageError(msg, hint="Delete it, or run make model-tune again.") from error
    if tuned.learner != settings.learner:
        return settings
    free = set(tuned.settings) - settings.model_fields_set
    return settings.model_copy(update={name: getattr(checked, name) for name in free})
