"""The API logs in at MLflow's server, and tells nobody with what."""

from base64 import b64encode
from pathlib import Path

import pytest

from tests.integration.api_process import (
    REVIEW,
    Api,
    model_of,
    probability_of,
    put_model,
    ready,
    running,
)
from tests.integration.mlflow_stub import CARD, MlflowStub, basic, mlflow_stub
from tests.integration.processes import until

USER, PASSWORD, TOKEN = "bob", "sesame", "0penSesame"
BY_NAME = {"MLFLOW_TRACKING_USERNAME": USER, "MLFLOW_TRACKING_PASSWORD": PASSWORD}
BY_TOKEN = {"MLFLOW_TRACKING_TOKEN": TOKEN}
SECRETS = (USER, PASSWORD, TOKEN, b64encode(f"{USER}:{PASSWORD}".encode()).decode())
ASKED = {
    "/api/2.0/mlflow/registered-models/alias",
    "/model-versions/get-artifact",
    "/get-artifact",
}


def shown(api: Api) -> dict[str, bytes]:
    """Everything that the API shows, by where: answers, log lines, and the files it writes."""
    paths = (
        "/api/v1/model",
        "/metrics",
        "/",
        "/card",
        "/health/ready",
        "/openapi.json",
        "/no",
    )
    answers = {path: api.client.get(path).content for path in paths}
    answers["/api/v1/predict"] = api.client.post(
        "/api/v1/predict?explain=true", json=REVIEW
    ).content
    written = {
        str(path): path.read_bytes()
        for place in ("cache", "predictions", "log.txt")
        for path in sorted((api.folder / place).rglob("*") or [api.folder / place])
        if path.is_file()
    }
    return answers | written | {"log": api.said().encode()}


def telling(everything: dict[str, bytes]) -> list[str]:
    """Where one of the secrets stands."""
    return [
        where
        for where, content in everything.items()
        if any(secret.encode() in content for secret in SECRETS)
    ]


@pytest.mark.parametrize("files", [False, True], ids=["in the environment", "in files"])
@pytest.mark.parametrize(
    ("settings", "expected"),
    [(BY_NAME, basic(USER, PASSWORD)), (BY_TOKEN, f"Bearer {TOKEN}")],
    ids=["name and password", "token"],
)
def test_it_logs_in(
    tmp_path: Path, settings: dict[str, str], expected: str, *, files: bool
) -> None:
    """Every request carries the credentials, set as they are or in files; nothing shows them."""
    given = dict(settings)
    if files:
        for name, value in settings.items():
            (tmp_path / name).write_text(f"{value}\n")
        given = {f"{name}_FILE": str(tmp_path / name) for name in settings}
    with (
        mlflow_stub(tmp_path / "made", expected) as stub,
        ready(tmp_path, MLFLOW_TRACKING_URI=stub.address, **given) as api,
    ):
        answer = api.predict().json()
        about = api.client.get("/api/v1/model").json()
        everything = shown(api)
    pages = {name for name in everything if name.endswith("card.html")}

    assert {expected} == {header for _, header in stub.seen}
    assert ASKED == {path for path, _ in stub.seen}
    assert ("1", probability_of(model_of(1))) == (
        answer["model"]["version"],
        answer["probability"],
    )
    assert ("champion", stub.address, "/card") == tuple(
        about[name] for name in ("alias", "source", "card")
    )
    assert CARD == everything["/card"]
    assert 1 == len(pages)
    assert [] == telling(everything)


@pytest.mark.parametrize("settings", [{}, {**BY_NAME, "MLFLOW_TRACKING_PASSWORD": "wrong-one"}])
def test_whoever_is_not_let_in_serves_nothing(tmp_path: Path, settings: dict[str, str]) -> None:
    """Without the right credentials there is no model, and the log says why, not with what."""
    with (
        mlflow_stub(tmp_path / "made", basic(USER, PASSWORD)) as stub,
        running(tmp_path, MLFLOW_TRACKING_URI=stub.address, **settings) as api,
    ):
        until(lambda: api.looks("unreachable") >= 2)
        status, said = api.client.get("/health/ready").status_code, api.said()

    assert 503 == status
    assert 1 == said.count("model not changed")
    assert f"MLflow at {stub.address} cannot be used" in said
    assert "401 Unauthorized" in said
    assert not any(word in said for word in (USER, "wrong-one"))


def test_credentials_in_the_address_are_shown_nowhere(tmp_path: Path) -> None:
    """They let it in, and are in no answer, file or log line, before and after MLflow has ended."""
    with mlflow_stub(tmp_path / "made", basic(USER, PASSWORD)) as stub:
        address = _with_credentials(stub)
        with ready(tmp_path, MLFLOW_TRACKING_URI=address) as api:
            source = api.client.get("/api/v1/model").json()["source"]
            served = shown(api)
            stub.expected = "another"
            until(lambda: api.looks("unreachable") >= 1)
            refused = shown(api)
    with ready(tmp_path, MLFLOW_TRACKING_URI=address) as api:
        until(lambda: api.looks("unreachable") >= 1)
        alone = shown(api)
        cached = api.client.get("/api/v1/model").json()["source"]

    assert {basic(USER, PASSWORD)} == {header for _, header in stub.seen}
    assert stub.address == source == cached
    assert any("/cache/" in where for where in served)
    assert "unreachable" in refused["log"].decode()
    assert [[], [], []] == [telling(everything) for everything in (served, refused, alone)]


def _with_credentials(stub: MlflowStub) -> str:
    return stub.address.replace("http://", f"http://{USER}:{PASSWORD}@")


def test_a_cache_of_before_does_not_give_credentials_away(tmp_path: Path) -> None:
    """Where an earlier version noted the address with a password, that is not shown either."""
    with mlflow_stub(tmp_path / "made", basic(USER, PASSWORD)) as stub:
        address = _with_credentials(stub)
        with ready(tmp_path, MLFLOW_TRACKING_URI=stub.address, **BY_NAME):
            until((tmp_path / "cache/champion.json").exists)
    pointer = tmp_path / "cache/champion.json"
    pointer.write_text(pointer.read_text().replace(stub.address, address))
    assert PASSWORD in pointer.read_text()
    with ready(tmp_path, MLFLOW_TRACKING_URI=stub.address) as api:
        about = api.client.get("/api/v1/model")

    assert stub.address == about.json()["source"]
    assert not any(secret in about.text for secret in SECRETS)


def test_an_exported_model_says_only_its_folder(folder: Path) -> None:
    """A folder is no server: credentials that are set are not used, nor shown."""
    with ready(folder, **BY_NAME, **BY_TOKEN) as api:
        put_model(folder / "model", 2, "2")
        until(lambda: api.predict().json()["model"]["version"] == "2")
        everything = shown(api)

    assert [] == telling(everything)
