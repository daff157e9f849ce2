"""Settings from the environment."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from src.model.errors import SettingsError
from src.model.settings import load_settings, variable_names


def read(**variables: str):  # type: ignore[no-untyped-def]
    return load_settings(variables, env_file=None)


def test_defaults_need_no_environment() -> None:
    """An empty environment gives local files and a local store."""
    settings = read()

    assert ("data", "sqlite:///mlflow.db", "hashed", 10) == (
        settings.data_dir,
        settings.mlflow_tracking_uri,
        settings.learner,
        settings.batches,
    )


def test_standard_names_are_honoured() -> None:
    """MLflow's and AWS's own variables are read under their own names."""
    settings = read(MLFLOW_TRACKING_URI="http://localhost:5500", AWS_DEFAULT_REGION="sa-east-1")

    assert ("http://localhost:5500", "sa-east-1") == (settings.mlflow_tracking_uri, settings.aws_region)


def test_an_empty_tracking_address_means_off_and_other_empty_values_the_default() -> None:
    """`VAR=` in a shell or a compose file is no value, except where off is a choice."""
    settings = read(MLFLOW_TRACKING_URI="", REVIEWS_SEED="", REVIEWS_DATA_DIR="")

    assert ("", 42, "data") == (settings.mlflow_tracking_uri, settings.seed, settings.data_dir)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("REVIEWS_DATADIR", "x", "Did you mean REVIEWS_DATA_DIR?"),
        ("REVIEWS_BANANA", "x", "REVIEWS_BANANA is not a setting"),
        ("REVIEWS_TEST_SHARE", "2", "REVIEWS_TEST_SHARE='2'"),
        ("REVIEWS_BATCHES", "ten", "REVIEWS_BATCHES='ten'"),
        ("REVIEWS_LEARNER", "gpt", "REVIEWS_LEARNER='gpt'"),
        ("REVIEWS_LABELS", "banana", "none of polarity, stars and no JSON object"),
        ("REVIEWS_LABELS", '{"1": "good", "2": "positive"}', "maps to good"),
        ("REVIEWS_LABELS", '{"1": "positive"}', "something to negative"),
        ("REVIEWS_LABELS", "[1]", "no JSON object"),
    ],
)
def test_an_unknown_name_or_a_bad_value_stops_with_a_sentence(name: str, value: str, said: str) -> None:
    """Start-up ends with the variable's name and what to do."""
    with pytest.raises(SettingsError) as caught:
        read(**{name: value})

    assert said in str(caught.value)
    assert 2 == caught.value.exit_code


def test_a_secret_is_not_repeated() -> None:
    """The secret key is hidden wherever settings are shown."""
    assert "hunter2" not in repr(read(AWS_SECRET_ACCESS_KEY="hunter2"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("stars", {"1": "negative", "2": "negative", "3": "drop", "4": "positive", "5": "positive"}),
        ('{"bad": "negative", "good": "positive"}', {"bad": "negative", "good": "positive"}),
    ],
)
def test_labels_are_a_preset_or_json(given: str, expected: dict[str, str]) -> None:
    """A team brings its own labels in one line."""
    assert expected == read(REVIEWS_LABELS=given).labels


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    """.env fills in what the environment leaves open; an unknown name in it is refused too."""
    file = tmp_path / ".env"
    file.write_text("REVIEWS_SEED=1\nREVIEWS_BATCHES=4\nOTHER=x\n")

    settings = load_settings({"REVIEWS_SEED": "2"}, env_file=file)
    assert (2, 4) == (settings.seed, settings.batches)

    file.write_text("REVIEWS_SEEED=1\n")
    with pytest.raises(SettingsError, match="REVIEWS_SEEED"):
        load_settings({}, env_file=file)


def test_settings_are_frozen() -> None:
    """Nothing changes a setting after start-up."""
    with pytest.raises(ValidationError, match="frozen"):
        read().seed = 3


def test_every_setting_is_described() -> None:
    """Each field has a description and a variable of its own."""
    from src.model.settings import Settings

    names = variable_names()
    assert all(info.description for info in Settings.model_fields.values())
    assert len(set(names.values())) == len(names)
