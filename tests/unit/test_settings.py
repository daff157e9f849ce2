"""Settings from the environment."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from src.model.core.errors import SettingsError
from src.model.core.settings import Settings, load_settings, variables


def read(**environment: str) -> Settings:
    return load_settings(environment, env_file=None)


def test_defaults_need_no_environment() -> None:
    """An empty environment gives local files and a local store."""
    settings = read()

    assert ("data", "sqlite:///mlflow.db", "hashed", 10) == (
        settings.data_dir,
        settings.mlflow.tracking_uri,
        settings.learner,
        settings.batches,
    )


def test_standard_names_are_honoured() -> None:
    """MLflow's and AWS's own variables are read under their own names."""
    settings = read(
        MLFLOW_TRACKING_URI="http://localhost:5500",
        MLFLOW_TRACKING_USERNAME="ann",
        MLFLOW_TRACKING_INSECURE_TLS="true",
        AWS_DEFAULT_REGION="sa-east-1",
        AWS_PROFILE="team",
        AWS_SHARED_CREDENTIALS_FILE="/run/aws",
    )

    assert ("http://localhost:5500", "ann", True) == (
        settings.mlflow.tracking_uri,
        settings.mlflow.tracking_username.get_secret_value(),
        settings.mlflow.tracking_insecure_tls,
    )
    assert ("sa-east-1", "team", Path("/run/aws")) == (
        settings.aws.region,
        settings.aws.profile,
        settings.aws.shared_credentials_file,
    )


def test_the_first_of_two_names_wins() -> None:
    """AWS reads a region from two variables, and so do we, in the same order."""
    assert "eu-west-1" == read(AWS_REGION="eu-west-1", AWS_DEFAULT_REGION="sa-east-1").aws.region


def test_an_empty_tracking_address_means_off_and_other_empty_values_the_default() -> None:
    """`VAR=` in a shell or a compose file is no value, except where off is a choice."""
    settings = read(MLFLOW_TRACKING_URI="", REVIEWS_SEED="", REVIEWS_DATA_DIR="")

    assert ("", 42, "data") == (settings.mlflow.tracking_uri, settings.seed, settings.data_dir)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("REVIEWS_DATADIR", "x", "Did you mean REVIEWS_DATA_DIR?"),
        ("REVIEWS_BANANA", "x", "REVIEWS_BANANA is not a setting"),
        ("REVIEWS_FOO", "x", "The settings are listed in docs/model/scripts.md"),
        ("REVIEWS_TEST_SHARE", "2", "REVIEWS_TEST_SHARE='2'"),
        ("REVIEWS_BATCHES", "ten", "REVIEWS_BATCHES='ten'"),
        ("REVIEWS_LEARNER", "gpt", "REVIEWS_LEARNER='gpt'"),
        ("REVIEWS_LABELS", "banana", "none of polarity, binary, words, stars and no JSON object"),
        ("REVIEWS_LABELS", '{"1": "good", "2": "positive"}', "maps to good"),
        ("REVIEWS_LABELS", '{"1": "positive"}', "something to negative"),
        ("REVIEWS_LABELS", "[1]", "no JSON object"),
        pytest.param("REVIEWS_LABELS", "[" * 100_000, "no JSON object", id="nested"),
        ("REVIEWS_HASHED_BITS", "27", "REVIEWS_HASHED_BITS='27'"),
        ("REVIEWS_PROMOTE_MIN_ACCURACY", "nan", "REVIEWS_PROMOTE_MIN_ACCURACY='nan'"),
        ("REVIEWS_LEASE_SECONDS", "0", "REVIEWS_LEASE_SECONDS='0'"),
    ],
)
def test_an_unknown_name_or_a_bad_value_stops_with_a_sentence(
    name: str, value: str, said: str
) -> None:
    """Start-up ends with the variable's name and what to do."""
    with pytest.raises(SettingsError) as caught:
        read(**{name: value})

    assert said in str(caught.value)
    assert 2 == caught.value.exit_code


SECRETS = [
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_USERNAME",
]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_not_repeated(name: str) -> None:
    """A secret is hidden wherever settings are shown, and known to what hides it elsewhere."""
    settings = read(**{name: "hunter2"})

    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()
    assert "hunter2" in settings.secrets()


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_can_come_from_a_file(tmp_path: Path, name: str) -> None:
    """`NAME_FILE` names the file, whose closing line break is no part of it; `NAME` itself wins."""
    path = tmp_path / "secret"
    path.write_text("from the file\n")

    assert "from the file" in read(**{f"{name}_FILE": str(path)}).secrets()
    both = read(**{f"{name}_FILE": str(path), name: "from the environment"}).secrets()
    assert "from the environment" in both
    assert "from the file" not in both


def test_a_secrets_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A file that is missing or no text ends the start with the variable's name."""
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name, said in (("nowhere", "No such file"), ("bytes", "it is no UTF-8 text")):
        with pytest.raises(SettingsError, match=f"AWS_SESSION_TOKEN_FILE=.*{name} cannot") as found:
            read(AWS_SESSION_TOKEN_FILE=str(tmp_path / name))
        assert said in str(found.value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            "stars",
            {"1": "negative", "2": "negative", "3": "drop", "4": "positive", "5": "positive"},
        ),
        ('{"bad": "negative", "good": "positive"}', {"bad": "negative", "good": "positive"}),
    ],
)
def test_labels_are_a_preset_or_json(given: str, expected: dict[str, str]) -> None:
    """A team brings its own labels in one line."""
    assert expected == read(REVIEWS_LABELS=given).source.labels


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
    """Nothing changes a setting after start-up, in a group or outside of one."""
    settings = read()

    with pytest.raises(ValidationError, match="frozen"):
        settings.seed = 3  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        settings.hashed.bits = 3  # type: ignore[misc]


def test_every_setting_is_described() -> None:
    """Each has a description and names that no other has."""
    known = variables()
    names = [name for variable in known for name in variable.names]

    assert len(known) > 80
    assert all(variable.info.description for variable in known)
    assert len(set(names)) == len(names)


def test_every_default_can_be_set() -> None:
    """Each setting takes its own default from the environment and arrives where it belongs."""
    plain = read()
    for variable in variables():
        holder = getattr(plain, variable.group) if variable.group else plain
        default = getattr(holder, variable.field)
        if isinstance(default, str | int | float | Path) and str(default):
            assert plain == read(**{variable.name: str(default)})


def test_names_of_groups_lead_to_their_fields() -> None:
    """One of each group: the environment's names stand for fields of typed groups."""
    settings = read(
        REVIEWS_HASHED_BITS="18",
        REVIEWS_TFIDF_C="2.5",
        REVIEWS_PROMOTE_MIN_ACCURACY="0.7",
        REVIEWS_API_PORT="9000",
        REVIEWS_LOG_DIR="off",
        REVIEWS_MAX_DUPLICATES="0.3",
        REVIEWS_COLUMN_TEXT="body",
        REVIEWS_SOURCE="files:x",
        REVIEWS_MODEL_NAME="mine",
    )

    assert (18, 2.5, 0.7) == (
        settings.hashed.bits,
        settings.tfidf.c,
        settings.promotion.min_accuracy,
    )
    assert (9000, "off", 0.3) == (
        settings.api.port,
        settings.log.dir,
        settings.quality.max_duplicates,
    )
    assert ("body", "files:x", "mine") == (
        settings.source.column_text,
        settings.source.spec,
        settings.mlflow.model_name,
    )
