"""Secrets are cut out of text, in every form in which a library shows them."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.model.core import redact
from src.model.core.redact import hide, hide_environment, stream_without_secrets, without_secrets

MARK = "opensesame"


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests made known plays no part here, and what these do stays here."""
    monkeypatch.setattr(redact, "_known", set())
    monkeypatch.setattr(redact, "_known_form", redact._NOTHING)


@pytest.mark.parametrize(
    "text",
    [
        "http://bob:opensesame@host/x",
        "HTTP://bob:opensesame@host/x",
        "http://opensesame@host/x",
        "http://:opensesame@host/x",
        "http://bob:open/opensesame@host/x",
        "http://bob:12/opensesame@host/x",
        "http://bob:a?opensesame@host/x",
        "http://bob:a#opensesame@host/x",
        "http://bob:a@opensesame@host/x",
        "http://bob:a@b/opensesame@host/x",
        "http://bob:opensesame",
        "http://bob:opensesame@[::1]:5000/x",
        "ftp://bob:opensesame@host/x.csv",
        "postgresql+psycopg://optuna:opensesame@db/optuna",
        "mysql://optuna:opensesame@db:3306/optuna",
        "redis://:opensesame@cache:6379/0",
        "https://host/x.csv?token=opensesame",
        "https://host/x.csv?opensesame",
        "https://host?opensesame",
        "https://host/x.csv#opensesame",
        "https://host/x.csv#token=opensesame",
        "https://host/x?X-Amz-Credential=opensesame%2F20260101&X-Amz-Signature=opensesame",
        "s3://key:opensesame@bucket/x",
        "s3://bucket/x.csv?versionId=opensesame",
        "bob:opensesame@host:5000 has no scheme",
        "Max retries exceeded with url: /x.csv?signature=opensesame (Caused by X)",
        "Max retries exceeded with url: /api/2.0/mlflow/?token=opensesame",
        "host=db user=optuna password=opensesame dbname=x",
        "AWS_SESSION_TOKEN=opensesame",
        "X-Amz-Security-Token=opensesame",
        "{'password': 'opensesame', 'host': 'db'}",
        '{"token": "opensesame"}',
        "Authorization: Basic opensesame",
        "{'authorization': 'Bearer opensesame'}",
        "sent Bearer opensesame-opensesame to the host",
        "two: http://a:opensesame@x and http://b:opensesame@y",
        "in quotes 'http://a:opensesame@x' and (http://b:opensesame@y)",
    ],
)
def test_a_form_of_a_secret_is_cut(text: str) -> None:
    """Nobody has to know the value: it is known by where it stands."""
    assert MARK not in without_secrets(text)


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:5000/x",
        "http://[::1]:5000/x",
        "https://host/@scope/file.csv",
        "s3://bucket/reviews@2026.csv",
        "sqlite:///data of mine/mlflow.db",
        "the file a.csv has no column text: 3 of 12 rows, at 12:30:01",
        "Set MLFLOW_TRACKING_PASSWORD_FILE=/run/secrets/mlflow or MLFLOW_TRACKING_TOKEN.",
        "is it good? yes; title=x",
        "ann@example.com wrote",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """A message that hides the host or the file helps nobody."""
    assert text == without_secrets(text)


@pytest.mark.parametrize(
    "shown",
    [
        "it's: %7E\"ä",
        "it%27s%3A%20%257E%22%C3%A4",
        "it%27s%3A+%257E%22%C3%A4",
        "it's: %7E\\\"\\u00e4",
    ],
)
def test_a_known_value_is_cut_in_every_spelling(shown: str) -> None:
    """Plain, percent-encoded, as a form field, and as JSON."""
    hide(["it's: %7E\"ä"])

    assert "it was *** there" == without_secrets(f"it was {shown} there")


def test_the_header_made_from_an_address_is_known() -> None:
    """Clients send user and password in base64, and some show the header."""
    hide(["http://bob:opensesame@host"])

    assert "sent *** there" == without_secrets("sent Ym9iOm9wZW5zZXNhbWU= there")


def test_what_other_libraries_read_is_known() -> None:
    """Kaggle's key and a proxy's password are no settings of ours; PWD is a folder."""
    environment = {
        "KAGGLE_KEY": "opensesame-kaggle",
        "https_proxy": "http://bob:opensesame-proxy@gateway:3128",
        "PWD": "/home/opensesame-folder",
        "SENTRY_DSN": "https://opensesame-dsn@sentry/1",
    }
    hide_environment(environment)
    text = " ".join(part for value in environment.values() for part in value.split("@"))

    assert "*** http://*** gateway:3128 /home/opensesame-folder https://*** sentry/1" == (
        without_secrets(text)
    )


@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=8, max_size=40),
    st.sampled_from(["http", "HTTPS", "postgresql+psycopg"]),
)
def test_any_password_of_a_setting_is_cut(password: str, scheme: str) -> None:
    """Whatever characters it has, quoted or not."""
    hide([f"{scheme}://bob:{password}@host/x"])

    assert password not in without_secrets(f"at {scheme}://bob:{password}@host/x: no answer")
    assert password not in without_secrets(f"{password} is wrong")


def test_a_stream_leaves_out_what_is_secret() -> None:
    """Warnings and tracebacks of libraries come this way; the stream stays what it was."""
    inner = io.StringIO()
    stream = stream_without_secrets(inner)
    print("at http://bob:opensesame@host", file=stream)
    stream.writelines(["http://bob:opensesame@host\n"])

    assert "at http://host\nhttp://host\n" == inner.getvalue()
    assert stream is stream_without_secrets(stream)
    assert not stream.isatty()
