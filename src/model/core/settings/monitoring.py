"""Settings of monitoring: how often it may be wrong, and what it takes for an alarm."""

import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from src.model.core.settings.group import Group, Share, setting


class MonitoringSettings(Group):
    """Windows, rates of false alarms, and the least that matters."""

    prefix: ClassVar[str] = "REVIEWS_MONITORING_"

    window_days: Annotated[int, Field(ge=1, le=3_650)] = setting(
        7, "Days of the prediction log that a check looks at."
    )
    checks_per_year: Annotated[float, Field(gt=0)] = setting(
        365.0, "How often a check runs, for the rate of false alarms a year."
    )
    drift_rate: Annotated[float, Field(ge=0.001, le=0.5)] = setting(
        0.05, "Share of checks of a version that may find drift where there is none."
    )
    min_rows: Annotated[int, Field(ge=20)] = setting(
        200, "With fewer predictions in the window nothing is said of drift."
    )
    min_effects: dict[str, float] = setting(
        {},
        "Least differences that count as drift, JSON: figure to its unit; "
        '`{"label_shift": 3}` is 3 points of positive reviews.',
    )
    min_labels: Annotated[int, Field(ge=1)] = setting(
        100, "With fewer labels in the window, no alarm is no proof that nothing is wrong."
    )
    tolerance: Share = setting(
        0.0025, "So far the accuracy may fall below that on the test rows and still be unharmed."
    )
    labels_between_alarms: Annotated[float, Field(ge=100)] = setting(
        100_000.0, "Mean number of labels between false alarms of harm, at least."
    )
    label_days: Annotated[int, Field(ge=1, le=3_650)] = setting(
        90, "Days of labels that are watched, and how much later than its review one may come."
    )
    max_client_share: Share = setting(
        0.5, "Where one client gave a larger share of the labels, harm is for people to look at."
    )
    fail_on: Literal["harm", "drift", "never"] = setting(
        "harm", "Exit code 4 on harm; `drift`: on drift too; `never`."
    )

    @field_validator("min_effects", mode="before")
    @classmethod
    def _effects_from_json(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            msg = "is no JSON object"
            raise ValueError(msg)
        return found

    @field_validator("min_effects")
    @classmethod
    def _effects_are_not_negative(cls, value: dict[str, float]) -> dict[str, float]:
        if any(effect < 0 for effect in value.values()):
            msg = "has an effect below 0"
            raise ValueError(msg)
        return value
