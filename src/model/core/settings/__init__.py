"""All settings, typed and frozen, read once at the edge by `load_settings`."""

import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from dotenv import dotenv_values
from pydantic import Field, ValidationError, field_validator
from pydantic.fields import FieldInfo

from src.model.core.errors import SettingsError
from src.model.core.settings.data import QualitySettings, SourceSettings
from src.model.core.settings.group import Address, Group, Share, is_address, is_secret, setting
from src.model.core.settings.monitoring import MonitoringSettings
from src.model.core.settings.services import AwsSettings, MlflowSettings
from src.model.core.settings.serving import ApiSettings, LogSettings
from src.model.core.settings.training import (
    HashedSettings,
    Learners,
    LearnerSettings,
    PromotionSettings,
    TfidfSettings,
)

__all__ = [
    "ApiSettings",
    "AwsSettings",
    "HashedSettings",
    "LearnerSettings",
    "LogSettings",
    "MlflowSettings",
    "MonitoringSettings",
    "PromotionSettings",
    "QualitySettings",
    "Settings",
    "SourceSettings",
    "TfidfSettings",
    "Variable",
    "load_settings",
    "variables",
]

PREFIX = "REVIEWS_"
FILE = "_FILE"
"""`NAME_FILE` names a file that holds the value of the secret `NAME`."""

_MAY_BE_EMPTY = {"MLFLOW_TRACKING_URI"}  # empty means off there; elsewhere it means the default
_MAX_SECRET = 65_536


class Settings(Learners):
    """One object for the whole program.

    Names in the environment are `REVIEWS_` + the field's name in capitals, except for the standard
    `MLFLOW_*` and `AWS_*` ones. A file `.env` in the working directory is read too; the
    environment wins. A secret can come from a file: `NAME_FILE` names it.
    """

    data_dir: str = setting("data", "Folder of all data files, or s3://bucket/prefix.")
    cache_dir: Path = setting(Path("data/cache"), "Local folder for downloads and fetched models.")
    lease_seconds: Annotated[float, Field(ge=1, le=3600)] = setting(
        30.0,
        "In S3: how long a run holds its data after its last sign of life, and so how long others "
        "wait for one that was killed.",
    )
    source: SourceSettings = SourceSettings()
    quality: QualitySettings = QualitySettings()

    language: str = setting(
        "en",
        "Language of the reviews: `en`, `pt`, or a file like those in src/model/core/languages.",
    )
    batches: Annotated[int, Field(ge=1, le=1000)] = setting(10, "Batches `split_batches` makes.")
    learner: str = setting("hashed", "What is trained, one of the learners below.")
    seed: Annotated[int, Field(ge=0, lt=2**32)] = setting(
        42, "Seed of everything random in training."
    )
    validation_share: Annotated[float, Field(gt=0, lt=0.5)] = setting(
        0.05, "Rows of every batch kept for validation, by hash of row_id."
    )
    abstain_accuracy: Share = setting(
        0.97, "Accuracy on validation rows outside the band in which the model abstains."
    )
    tune_storage: Address = setting(
        "sqlite:///optuna.db", "Where `tune` keeps its searches, for Optuna."
    )
    promotion: PromotionSettings = PromotionSettings()

    mlflow: MlflowSettings = MlflowSettings()
    git_sha: str = setting("", "Code version where there is no git checkout, as in an image.")
    aws: AwsSettings = AwsSettings()
    api: ApiSettings = ApiSettings()
    log: LogSettings = LogSettings()
    monitoring: MonitoringSettings = MonitoringSettings()

    log_level: Literal["debug", "info", "warning", "error"] = setting("info", "What is logged.")
    log_format: Literal["console", "json"] = setting("console", "How it is logged, on stderr.")
    real_data: Path | None = setting(None, "Zip of real reviews for the tests that want one.")

    @field_validator("learner")
    @classmethod
    def _learner_is_known(cls, value: str) -> str:
        if value not in cls.learners():
            msg = f"is none of {', '.join(cls.learners())}"
            raise ValueError(msg)
        return value

    @classmethod
    def learners(cls) -> list[str]:
        """Return the names of all learners."""
        return list(Learners.model_fields)

    def secrets(self) -> list[str]:
        """Return every value that must not be shown."""
        return [value.get_secret_value() for value in self._where(is_secret) if value]

    def addresses(self) -> list[str]:
        """Return every address in which something may stand that must not be shown."""
        source = [self.source.spec] if "://" in self.source.spec else []
        return source + [value for value in self._where(is_address) if value]

    def _where(self, kind: Callable[[FieldInfo], bool]) -> Iterator[Any]:
        for variable in variables():
            if kind(variable.info):
                group = getattr(self, variable.group) if variable.group else self
                yield getattr(group, variable.field)

    @property
    def parameters(self) -> LearnerSettings:
        """The parameters of the learner that is chosen."""
        chosen: LearnerSettings = getattr(self, self.learner)
        return chosen


class Variable(NamedTuple):
    """One setting: its group (empty for none), its field, its names and what it is."""

    group: str
    field: str
    names: tuple[str, ...]
    info: FieldInfo

    @property
    def name(self) -> str:
        """The name under which it is documented."""
        return self.names[0]


def _groups() -> Iterator[tuple[str, type[Group]]]:
    for name, info in Settings.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, Group):
            yield name, info.annotation


def variables() -> list[Variable]:
    """Return every setting, in the order of the documentation: learners after what they share."""
    groups = dict(_groups())
    own = [name for name in Settings.model_fields if name not in Learners.model_fields]
    after = own.index("abstain_accuracy") + 1
    found = []
    for name in (*own[:after], *Learners.model_fields, *own[after:]):
        info = Settings.model_fields[name]
        if group := groups.get(name):
            found += [
                Variable(name, field, group.variables(field), inner)
                for field, inner in group.model_fields.items()
            ]
        else:
            found.append(Variable("", name, Settings.variables(name), info))
    return found


def load_settings(
    environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")
) -> Settings:
    """Read the settings from `environ` (default: the process's) over `env_file`.

    Raises:
        SettingsError: an unknown `REVIEWS_*` name, or a value that does not fit.
    """
    values = dict(environ if environ is not None else os.environ)
    if env_file is not None and env_file.is_file():
        try:
            filed = {k: v for k, v in dotenv_values(env_file).items() if v is not None}
        except UnicodeDecodeError as error:
            raise SettingsError(f"{env_file} is no UTF-8 text: {error}.") from None
        values = filed | values
    known = variables()
    _refuse_unknown(values, {name for variable in known for name in variable.names})
    given: dict[str, Any] = {}
    for variable in known:
        value = _value(variable, values)
        if value is not None:
            place = given.setdefault(variable.group, {}) if variable.group else given
            place[variable.field] = value
    try:
        return Settings(**given)
    except ValidationError as error:
        raise _explained(error, known) from None


def _value(variable: Variable, values: Mapping[str, str]) -> str | None:
    """Return what the environment says of a setting, or None where it says nothing."""
    for name in variable.names:
        if values.get(name) or (name in values and name in _MAY_BE_EMPTY):
            return values[name]
        if is_secret(variable.info) and (path := values.get(name + FILE)):
            return _secret_in(Path(path), name + FILE)
    return None


def _secret_in(path: Path, name: str) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_MAX_SECRET).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise SettingsError(f"{name}={path} cannot be read: {reason}.") from None


def _refuse_unknown(values: Mapping[str, str], known: set[str]) -> None:
    for name in values:
        if name.startswith(PREFIX) and name not in known:
            others = [other.removeprefix(PREFIX) for other in known if other.startswith(PREFIX)]
            near = difflib.get_close_matches(name.removeprefix(PREFIX), others, n=1)
            hint = "The settings are listed in docs/model/scripts.md."
            if near:
                hint = f"Did you mean {PREFIX}{near[0]}? Unset it or correct it."
            raise SettingsError(f"{name} is not a setting of this project.", hint=hint)


def _explained(error: ValidationError, known: list[Variable]) -> SettingsError:
    first = error.errors()[0]
    places: dict[tuple[str, ...], Variable] = {
        (v.group, v.field) if v.group else (v.field,): v for v in known
    }
    path = tuple(map(str, first["loc"]))
    variable = places.get(path[:2]) or places[path[:1]]
    reason = str(first["msg"]).removeprefix("Value error, ")
    reason = reason[:1].lower() + reason[1:]
    hidden = is_secret(variable.info) or is_address(variable.info)
    shown = "" if hidden else f"={first['input']!r}"
    return SettingsError(f"{variable.name}{shown}: {reason}. See docs/model/scripts.md, Settings.")
