"""Every setting that can hold a secret, in every form, in what every command says and leaves.

`make test` tries each form with some of the commands, `make test-hostile` each with all.
"""

import os
import random
from pathlib import Path

import pytest
from pydantic import SecretStr

from src.model import steps
from src.model.core import redact
from src.model.core.settings import variables
from tests.conftest import Workspace
from tests.integration.conftest import free_port

pytestmark = pytest.mark.slow

MARK = "opensesame"
MODULES = [command.module for command in steps.COMMANDS.values()] + list(steps.OTHERS)
WHOLE = "TEST_WHOLE" in os.environ
WORDS = {
    "train": ("--batches=0",),
    "tune": ("--batches=0",),
    "preprocess_batch": ("--batch=0",),
    "score": ("in.csv", "out.csv"),
    "predict": ("--title=Great",),
    "run": ("train",),
    "mlflow_server": ("status",),
}
VALUES = {
    variable.name: f"{MARK}-{variable.field}"
    for variable in variables()
    if variable.info.annotation is SecretStr
} | {"KAGGLE_KEY": f"{MARK}-kaggle", "AWS_ACCESS_KEY_ID": "someone"}
ADDRESSES = {
    "MLFLOW_TRACKING_URI": ("http", "postgresql", "mysql", "oracle", "nothing"),
    "REVIEWS_SOURCE": ("http", "https", "ftp", "s3", "nothing"),
    "REVIEWS_TUNE_STORAGE": ("postgresql", "mysql", "mysql+pymysql", "redis", "http", "nothing"),
    "AWS_ENDPOINT_URL": ("http", "https", "nothing"),
    "HTTP_PROXY": ("http", "https", "socks5", "nothing"),
}
FORMS = {
    "user and password": "{scheme}://bob:{mark}@{gone}/x.csv",
    "user alone": "{scheme}://{mark}@{gone}/x.csv",
    "no user": "{scheme}://:{mark}@{gone}/x.csv",
    "slash in the password": "{scheme}://bob:a/{mark}@{gone}/x.csv",
    "question mark in the password": "{scheme}://bob:a?{mark}@{gone}/x.csv",
    "hash in the password": "{scheme}://bob:a#{mark}@{gone}/x.csv",
    "at sign in the password": "{scheme}://bob:a@{mark}@{gone}/x.csv",
    "quoted password": "{scheme}://bob:%22{mark}%27@{gone}/x.csv",
    "bracket in the password": "{scheme}://bob:[{mark}@{gone}/x.csv",
    "no port in the port": "{scheme}://bob:{mark}",
    "query": "{scheme}://{gone}/x.csv?token={mark}",
    "query without a name": "{scheme}://{gone}/x.csv?{mark}",
    "fragment": "{scheme}://{gone}/x.csv#{mark}",
    "signature": "{scheme}://{gone}/x.csv?X-Amz-Credential={mark}%2F1&X-Amz-Signature={mark}",
    "no scheme": "bob:{mark}@{gone}/x.csv",
}
CASES = [
    (name, scheme, form)
    for name, schemes in ADDRESSES.items()
    for scheme in schemes
    for form in FORMS
    if form != "no scheme" or scheme == schemes[0]
]


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each case is a process that knows its own settings, as outside of tests."""
    monkeypatch.setattr(redact, "_known", set())
    monkeypatch.setattr(redact, "_known_form", redact._NOTHING)


@pytest.mark.parametrize("mode", ["plain", "--json", "--debug"])
@pytest.mark.parametrize(("name", "scheme", "form"), CASES)
def test_no_form_of_an_address_shows_its_secret(
    workspace: Workspace, name: str, scheme: str, form: str, mode: str
) -> None:
    """In an address, whatever it is the address of and however it is written."""
    address = FORMS[form].format(scheme=scheme, mark=MARK, gone=f"127.0.0.1:{free_port()}")
    modules = MODULES if WHOLE else random.Random(f"{name}{scheme}{form}{mode}").sample(MODULES, 2)
    if not WHOLE and name in {"REVIEWS_SOURCE", "REVIEWS_TUNE_STORAGE"}:
        reader = "data.ingest" if name == "REVIEWS_SOURCE" else "pipeline.tune"
        modules[0] = f"src.model.{reader}"
    for module in modules:
        _fails_in_silence(workspace, module, mode, **{name: address})


@pytest.mark.parametrize("mode", ["plain", "--json", "--debug"])
@pytest.mark.parametrize("module", MODULES)
def test_no_value_is_shown(workspace: Workspace, module: str, mode: str) -> None:
    """User, password, token and keys, on their way to services that are not there."""
    _fails_in_silence(workspace, module, mode)


@pytest.mark.parametrize("mode", ["plain", "--json", "--debug"])
def test_the_search_store_shows_no_secret(small: Workspace, mode: str) -> None:
    """Optuna gets to its store only where there is something to search on."""
    name = "REVIEWS_TUNE_STORAGE"
    for _, scheme, form in (case for case in CASES if case[0] == name):
        gone = f"127.0.0.1:{free_port()}"
        small.set(**{name: FORMS[form].format(scheme=scheme, mark=MARK, gone=gone)})
        flags = () if mode == "plain" else (mode,)
        result = small.run("pipeline.tune", "--batches=0", "--trials=1", *flags)
        said = result.out + result.err

        assert MARK not in said, said
        assert result.code in {2, 5}, said
        assert result.code == 2 or "Optuna's store" in said


def _fails_in_silence(workspace: Workspace, module: str, mode: str, **address: str) -> None:
    """Run a command to whom no service answers: it ends with a sentence that shows no secret."""
    gone = f"127.0.0.1:{free_port()}"
    settings = VALUES | {
        "MLFLOW_TRACKING_URI": f"http://{gone}",
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "AWS_ENDPOINT_URL": f"http://{gone}",
        "REVIEWS_SOURCE": f"http://{gone}/x.csv",
        "REVIEWS_TUNE_STORAGE": f"postgresql://{gone}/db",
        "REVIEWS_LOG_FORMAT": "json",
    }
    if "AWS_ENDPOINT_URL" in address:
        settings["REVIEWS_DATA_DIR"] = "s3://bucket/data"
    if "HTTP_PROXY" in address:
        settings["REVIEWS_SOURCE"] = "http://reviews.example/x.csv"
        settings["MLFLOW_TRACKING_URI"] = "http://mlflow.example"
    workspace.set(**settings | address)
    (workspace.path / "in.csv").write_text("title,text\na,b\n")
    name = module.rsplit(".", 1)[-1]
    flags = () if mode == "plain" else (mode,)
    result = workspace.run(module, *WORDS.get(name, ()), *flags)

    said = result.out + result.err
    assert MARK not in said, said
    # Nothing is logged, so a check has nothing to ask a service for, and asks for no training.
    other = (result.code, name) in {(1, "mlflow_server"), (0, "check"), (4, "retrain")}
    assert result.code in {2, 3, 5} or other, said
    files = [path for path in workspace.path.rglob("*") if path.is_file()]
    assert [] == [path for path in files if MARK.encode() in path.read_bytes()]
    assert [] == [path for path in files if MARK in str(path)]


def test_the_matrix_has_every_secret_setting() -> None:
    """A setting that may hold a secret is one of the values, or one of the addresses."""
    addresses = {v.name for v in variables() if v.name.endswith(("_URI", "_URL", "_STORAGE"))}

    assert addresses <= set(ADDRESSES)
    assert len(VALUES) >= 5 + 2


def test_the_settings_tell_what_is_secret(workspace: Workspace, tmp_path: Path) -> None:
    """A secret that comes from a file is hidden as one from the environment."""
    path = tmp_path / "token"
    path.write_text(f"{MARK}-from-a-file")
    workspace.set(MLFLOW_TRACKING_TOKEN_FILE=str(path))
    workspace.run("pipeline.predict", "--title=x")

    assert "is *** there" == redact.without_secrets(f"is {MARK}-from-a-file there")
