"""Adding a learner: one module, one settings group, one line; and another module if it is served
in a way of its own. Everything else takes it as it comes.

A copy of the source gets a toy learner, and the copy's own commands and API do the whole job.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT
from tests.integration.conftest import free_port, kill_family

pytestmark = pytest.mark.slow

GROUP = '''class ToySettings(LearnerSettings):
    """The toy's parameters."""

    prefix: ClassVar[str] = "REVIEWS_TOY_"

    words: Positive = setting(300, "Words it keeps.")


'''
LINE = "    toy: ToySettings = ToySettings()\n"


@dataclass(frozen=True)
class Tree:
    """A copy of the source with the toy in it, and a place for its data."""

    path: Path

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("REVIEWS_", "MLFLOW_"))}
        return kept | {
            "REVIEWS_LEARNER": "toy",
            "REVIEWS_PROMOTE_MIN_ACCURACY": "0.7",
            "REVIEWS_PROMOTE_MIN_FUNCTIONALITY": "0.3",
            "REVIEWS_PROMOTE_MIN_INVARIANCE": "0.3",
            "REVIEWS_PROMOTE_MIN_DIRECTIONAL": "0.3",
            "REVIEWS_PROMOTE_MAX_LOG_LOSS": "10",
            "REVIEWS_PROMOTE_MAX_ECE": "1",
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.path}/mlflow.db",
            "PYTHONPATH": str(self.path),
            **more,
        }

    def run(self, module: str, *words: str) -> dict[str, Any]:
        """Run a command that must succeed; return its answer."""
        done = subprocess.run(
            [sys.executable, "-m", f"src.model.{module}", *words, "--json"],
            cwd=self.path,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


@pytest.fixture
def tree(tmp_path: Path, migrated_store: Path) -> Tree:
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=ignored)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    model = tmp_path / "src/model"
    shutil.copyfile(ROOT / "tests/toy/learner.py", model / "learners/toy.py")
    shutil.copyfile(ROOT / "tests/toy/model.py", model / "core/models/toy.py")
    settings = model / "core/settings/training.py"
    before = settings.read_text()
    after = before.replace("class Learners(Group):", GROUP + "class Learners(Group):")
    last = "    tfidf: TfidfSettings = TfidfSettings()\n"
    settings.write_text(after.replace(last, last + LINE))
    (tmp_path / "mlflow.db").write_bytes(migrated_store.read_bytes())
    return Tree(tmp_path)


def test_a_new_learner_goes_all_the_way(tree: Tree) -> None:
    """Train, evaluate, promote, card, predict, score, export, reproduce and the API."""
    for words in (
        ("data.ingest", "--source=synthetic:2000@3"),
        ("data.split_batches",),
        ("data.preprocess_batch", "--batch=0 1"),
        ("data.preprocess_test",),
    ):
        tree.run(*words)
    trained = tree.run("pipeline.train", "--batches=0 1")
    evaluated = tree.run("pipeline.evaluate")
    promoted = tree.run("pipeline.promote")
    predicted = tree.run("pipeline.predict", "--title=Great", "--message=I love it")
    (tree.path / "in.csv").write_text("title,text\nGreat,I love it\n")
    scored = tree.run("pipeline.score", "in.csv", "out.jsonl")
    reproduced = tree.run("pipeline.reproduce")
    exported = tree.run("pipeline.export")
    card = next((tree.path / "data/reports").glob("model_card_*.md"), None)
    page = (tree.path / "data/reports/model_card_1.html").read_text()

    assert ("promoted", 1) == (promoted["decision"], trained["model_version"])
    assert 0.7 < evaluated["metrics"]["accuracy"]
    assert "<code>toy</code>" in page
    assert card is None
    assert 1 == scored["rows"]
    assert reproduced["identical"]
    assert {"words.json", "model.json", "export.json", "card.html"} <= {
        path.name for path in (tree.path / exported["folder"]).iterdir()
    }
    assert served(tree, {"title": "Great", "message": "I love it"}) == pytest.approx(
        predicted["probability"]
    )


def served(tree: Tree, review: dict[str, str]) -> float:
    """Return what the copy's API says, by its own explanation too."""
    port = free_port()
    process = subprocess.Popen(
        [str(ROOT / ".venv-api/bin/python"), "-m", "src.api"],
        cwd=tree.path,
        env=tree.environment(REVIEWS_API_PORT=str(port), MLFLOW_TRACKING_URI=""),
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            deadline = time.monotonic() + 30
            while not _ready(client):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            answer = client.post("/api/v1/predict?explain=true", json=review).json()
    finally:
        kill_family(process)
    logit = answer["explanation"]["intercept"] + sum(
        part["weight"] for part in answer["explanation"]["contributions"]
    )

    assert answer["explanation"]["exact"]
    assert answer["probability"] == pytest.approx(1 / (1 + 2.718281828459045**-logit))
    found: float = answer["probability"]
    return found


def _ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").is_success
    except httpx.TransportError:
        return False
