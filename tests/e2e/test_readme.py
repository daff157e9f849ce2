"""The README's commands, run in their order as they stand there."""

import os
import re
import subprocess
import zipfile
from pathlib import Path

import polars as pl
import pytest

from src.model.data import synthetic
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
# They need an engine, a terminal, or test what this test is a part of; each has tests of its own.
ELSEWHERE = re.compile(r"make (test|help|docker-|demo( |$)|bench|api-run)")


def commands(heading: str) -> list[str]:
    """The commands of a section, without their comments, in order."""
    section = README.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not ELSEWHERE.match(line)]


def written(folder: Path) -> None:
    """The files that the commands name, of generated reviews."""
    parts = dict.fromkeys(("train", "test"), pl.DataFrame())
    for split, frame in synthetic.generate(synthetic.parse("synthetic:6000@5")):
        parts[split] = pl.concat([parts[split], frame.select("polarity", "title", "text")])
    (folder / "path/to").mkdir(parents=True)
    with zipfile.ZipFile(folder / "path/to/amazon-reviews.zip", "w") as archive:
        for split, frame in parts.items():
            archive.writestr(f"{split}.csv", frame.write_csv(include_header=False))
    parts["test"].select("title", "text").head(50).write_csv(folder / "reviews.csv")
    _, week = next(iter(synthetic.generate(synthetic.parse("synthetic:400@6"))))
    week.select("polarity", "title", "text").write_csv(folder / "next-week.csv")


@pytest.mark.slow
def test_the_readme_works_in_its_order(tmp_path: Path) -> None:
    """Every line of "Step by step" and of what follows the demo ends well, on fewer rows."""
    written(tmp_path)
    environment = os.environ | {
        "REVIEWS_DATA_DIR": str(tmp_path / "data"), "REVIEWS_CACHE_DIR": str(tmp_path / "cache"),
        "REVIEWS_API_MODEL_DIR": str(tmp_path / "data/model"),
        "REVIEWS_TUNE_STORAGE": f"sqlite:///{tmp_path}/optuna.db",
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db",
    }  # fmt: skip
    steps, looks = commands("Step by step"), commands("What the demo does")
    assert len(steps) >= 10
    for line in [*steps, *looks]:
        if line.startswith("make mlflow-up"):
            continue  # the server of the folder; it has tests of its own
        command = line.replace("make ", f"make -C {ROOT} ", 1).replace(" api-run", "")
        for name in (
            "path/to/amazon-reviews.zip",
            "reviews.csv",
            "data/scored.parquet",
            "next-week.csv",
        ):
            command = re.sub(rf"(?<=[= ]){re.escape(name)}", f"{tmp_path}/{name}", command)
        done = subprocess.run(
            ["bash", "-c", command.replace("trials=20", "trials=2")],
            env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert 0 == done.returncode or "Error 4" in done.stderr, (line, done.stdout, done.stderr)
        for hint in re.findall(r"make model-tune batches=\S+ trials=\d+", done.stdout):
            assert "batches=0-4" in hint
    assert (tmp_path / "data/scored.parquet").is_file()
