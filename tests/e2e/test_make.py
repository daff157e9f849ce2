"""The Makefile as people use it."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Workspace

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = """
    help setup demo test test-unit test-integration test-e2e test-machines check format lock
    docs test-hostile
    clean
    mlflow-up mlflow-down mlflow-status
    model-ingest model-validate model-split-batches model-preprocess-batch model-preprocess-test
    model-train model-evaluate model-promote model-rollback model-predict model-score model-export
    api-run api-predict api-key
    model-tune model-curve model-findings model-reproduce model-shadow
    model-pipeline-ingest model-pipeline-train
    docker-model-build docker-model-ingest docker-model-validate docker-model-split-batches
    docker-model-preprocess-batch docker-model-preprocess-test docker-model-train
    docker-model-evaluate docker-model-promote docker-model-predict docker-model-score
    docker-model-pipeline-ingest docker-model-pipeline-train
    docker-api-build docker-api-run docker-api-predict docker-mlflow-up docker-mlflow-down
    docker-up docker-down docker-demo test-docker
""".split()  # noqa: SIM905 - a hundred quotes fewer

HOSTILE = [
    'It\'s "great"; it costs $5 & more',
    "$(shell touch pwned) $(touch pwned) `touch pwned` ${HOME} $HOME $$ $@",
    "first\nsecond\n\nthird",
    "'; touch pwned; echo '",
    "--json --debug",
    "# no comment, 100 % \\ back\\slash \\n \t tab",
    "ends with a dollar $",
    "ends with a backslash \\",
    "café ☕ 日本",
]


def make(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *words],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    """A stand-in for Python that prints the arguments it is given as JSON."""
    script = tmp_path / "echo"
    script.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    script.chmod(0o755)
    return script


@pytest.mark.parametrize("value", HOSTILE)
def test_what_people_type_reaches_python_unharmed(echo: Path, value: str) -> None:
    """Quotes, dollars, semicolons, commands and line breaks arrive as typed and are never run."""
    done = make("model-predict", f"title={value}", f"message={value}", f"PY={echo}")

    assert 0 == done.returncode, done.stderr
    assert [f"--title={value}", f"--message={value}"] == json.loads(done.stdout)[2:4]
    assert not (ROOT / "pwned").exists()


def test_variables_of_the_other_targets_are_safe_too(echo: Path) -> None:
    """Sources and file names are taken as typed."""
    nasty = HOSTILE[1]
    done = make("model-score", f"in={nasty}", f"out={nasty}.csv", f"PY={echo}")
    assert ["--", nasty, f"{nasty}.csv"] == json.loads(done.stdout)[-3:]
    for target, variable, flag in (
        ("model-ingest", "source", "--source"),
        ("model-train", "batches", "--batches"),
        ("model-train", "warm_start", "--warm-start"),
        ("model-curve", "batches", "--batches"),
        ("model-findings", "batches", "--batches"),
        ("model-reproduce", "model_version", "--model-version"),
        ("model-shadow", "since", "--since"),
        ("model-preprocess-batch", "batch", "--batch"),
        ("model-evaluate", "model_version", "--model-version"),
        ("demo", "DATA", "--source"),
    ):
        assert f"{flag}={nasty}" in json.loads(
            make(target, f"{variable}={nasty}", f"PY={echo}").stdout
        )
    assert not (ROOT / "pwned").exists()


def test_no_variable_of_a_caller_is_lost_on_the_way(tmp_path: Path) -> None:
    """Each one reaches the programs as it was typed, whatever make calls its own variables."""
    (line,) = re.findall(r"^USER_VARIABLES := (.*)$", MAKEFILE, re.MULTILINE)
    said = {name: f"{HOSTILE[0]} of {name}" for name in line.split()}
    probe = tmp_path / "probe.mk"
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    probe.write_text(f"probe:\n\t@{sys.executable} -c '{code}'\n")
    words = [f"{name}={value}" for name, value in said.items()]
    found = json.loads(make("-f", "Makefile", "-f", str(probe), "probe", *words).stdout)

    assert said == {name: found[name] for name in said}


SHOW = (
    f"show:\n\t@{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'\n"
    "first:\n\t@sleep 0.5; touch $(PLACE)/made\n"
    "second:\n\t@test -e $(PLACE)/made\n"
)


def test_what_stands_in_dotenv_counts_for_make_too(tmp_path: Path) -> None:
    """Ports, names and images, with quotes, dollars and all; the caller's own words win."""
    for name in ("Makefile", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "show.mk").write_text(SHOW)
    (tmp_path / ".env").write_text(
        '# comment\nMLFLOW_PORT=5577\nexport STACK="of $x # mine"\nAPI_PORT=1\nIMAGE_TAG=\n'
    )
    # Without what a make that runs these tests has exported.
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        ["make", "-f", "Makefile", "-f", "show.mk", "show", "API_PORT=2"],
        cwd=tmp_path, env=plain | {"DOCKER_MEMORY": "1g"}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)

    assert ("5577", "of $x # mine", "2", "1g") == tuple(
        found[name] for name in ("MLFLOW_PORT", "STACK", "API_PORT", "DOCKER_MEMORY")
    )
    assert "data/docker" == found["DOCKER_DATA"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", found["IMAGE_TAG"])


def test_the_environment_of_a_machine_does_no_harm(tmp_path: Path) -> None:
    """Where else pip would install to is gone, and words are UTF-8 whatever the locale says."""
    (tmp_path / "show.mk").write_text(SHOW)
    elsewhere = {"PIP_USER": "1", "PIP_TARGET": "/x", "PIP_PREFIX": "/x", "PIP_INDEX_URL": "kept"}
    done = make("-f", "Makefile", "-f", str(tmp_path / "show.mk"), "show", **elsewhere, LC_ALL="C")
    found = json.loads(done.stdout)

    assert {"PIP_INDEX_URL"} == elsewhere.keys() & found.keys()
    assert "1" == found["PYTHONUTF8"]


def test_targets_that_are_named_together_run_in_turn(tmp_path: Path) -> None:
    """`make -j8 model-ingest model-validate` reads what was ingested."""
    (tmp_path / "show.mk").write_text(SHOW)
    files = ("-f", "Makefile", "-f", str(tmp_path / "show.mk"))
    done = make(*files, "first", "second", PLACE=str(tmp_path), MAKEFLAGS="-j8")

    assert 0 == done.returncode, done.stderr


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("batchs=0", "batchs= is read by no target. Did you mean batches=?"),
        ("api_port=1", "api_port= is read by no target. Did you mean API_PORT=?"),
        ("text=good", "text= is read by no target. Did you mean message=?"),
        ("zzz=1", "zzz= is read by no target. make help lists what there is."),
    ],
)
def test_a_variable_that_nothing_reads_is_refused(word: str, said: str) -> None:
    """A slip of the pen does not run the default instead."""
    done = make("help", word)

    assert 2 == done.returncode
    assert said in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("model-promote model_version=1", "model_version= is not read by model-promote"),
        ("model-rollback model_version=1", "which reads no variable"),
        ("model-train batch=0 batches=1", "batch= and batches= are two names of one variable"),
        ("model-ingest DATA=x.zip", "DATA= is not read by model-ingest, which reads source="),
        ("docker-model-ingest title=x", "title= is not read by docker-model-ingest"),
        ("demo source=x.zip", "source= is not read by demo, which reads DATA="),
    ],
)
def test_a_variable_of_another_target_is_refused(words: str, said: str) -> None:
    """It would be ignored, and something else done than was asked for."""
    done = make(*words.split())

    assert 2 == done.returncode
    assert said in done.stderr


@pytest.mark.parametrize(
    ("target", "said"), [("model-predit", "model-predict"), ("train", "model-train"), ("zzzz", "")]
)
def test_a_target_that_is_none_is_named_with_the_nearest(target: str, said: str) -> None:
    """And make help, where nothing is near."""
    done = make(target)

    assert 2 == done.returncode
    assert f"there is no target {target}." in done.stderr
    assert (f"Did you mean make {said}?" in done.stderr) == bool(said)


def test_clean_data_without_an_answer_deletes_nothing(tmp_path: Path) -> None:
    """Without a terminal it says how to do it without being asked."""
    (tmp_path / "data").mkdir()
    makefile = ROOT / "Makefile"
    words = ["make", "-f", str(makefile), "clean-data", f"PYTHON={sys.executable}"]
    done = subprocess.run(
        words, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    refused = [
        subprocess.run([*words, f"yes={no}"], cwd=tmp_path, stdin=subprocess.DEVNULL, check=False)
        for no in ("0", "no", "false", "n")
    ]
    assert [2] * 4 == [one.returncode for one in refused]
    assert (tmp_path / "data").exists()
    agreed = subprocess.run(
        words, cwd=tmp_path, input="yes\n", capture_output=True, text=True, check=False
    )

    assert (2, True) == (done.returncode, "yes=1 does it without asking" in done.stderr)
    assert (0, False) == (agreed.returncode, (tmp_path / "data").exists())
    (tmp_path / "data").mkdir()
    assert 0 == subprocess.run([*words, "yes=1"], cwd=tmp_path, check=False).returncode
    assert not (tmp_path / "data").exists()


def test_settings_may_stand_on_makes_command_line() -> None:
    """Those of the programs are passed on, whatever make knows of them."""
    assert 0 == make("help", "REVIEWS_SEED=7", "MLFLOW_TRACKING_URI=", "PYTEST_ARGS=-x").returncode


def test_help_lists_every_target() -> None:
    """Each target has its line of help, and all the promised ones are there."""
    shown = re.findall(r"^  ([a-z0-9-]+) ", make("help").stdout, re.MULTILINE)
    declared = {
        name
        for line in re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)
        for name in line.split()
    }

    assert set(shown) == declared
    assert set(TARGETS) <= set(shown)


def test_recipes_hold_no_logic() -> None:
    """A target is at most five lines."""
    recipes = re.findall(r"^[a-z.][^\n:=]*:[^=\n][^\n]*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)

    assert len(recipes) > 20
    assert max(recipe.count("\n") for recipe in recipes) <= 5


def test_the_whole_job_by_targets(workspace: Workspace) -> None:
    """All by make; a gate's no is exit 4 by itself, and no failure in a pipeline."""
    assert (
        0
        == make(
            "model-pipeline-ingest", "source=synthetic:2000@3", REVIEWS_DATA_DIR=str(workspace.data)
        ).returncode
    )
    strict = {
        "REVIEWS_DATA_DIR": str(workspace.data),
        "REVIEWS_CACHE_DIR": str(workspace.path / "cache"),
        "REVIEWS_PROMOTE_MIN_ACCURACY": "0.999",
    }
    kept = make("model-pipeline-train", "batches=0 1", **strict)
    alone = make("model-promote", **strict)
    promoted = make("model-promote", **strict | {"REVIEWS_PROMOTE_MIN_ACCURACY": "0.5"})
    predicted = make("model-predict", "title=Great", 'message=I "love" it; $5', **strict)
    reviews = workspace.path / "my reviews.csv"
    reviews.write_text("title,text\nGreat,I love it\n")
    scored = make("model-score", f"in={reviews}", f"out={workspace.path}/out.jsonl", **strict)

    assert (0, True) == (
        kept.returncode,
        "Kept back: version 1 misses 1 of 13 rules" in kept.stdout,
    ), kept.stderr
    assert (2, True) == (alone.returncode, "Error 4" in alone.stderr)
    assert 0 == promoted.returncode
    assert (0, True) == (predicted.returncode, predicted.stdout.startswith("positive ("))
    assert 0 == scored.returncode, scored.stderr
    assert '"label":"positive"' in (workspace.path / "out.jsonl").read_text()


def test_bad_batches_are_explained(workspace: Workspace) -> None:
    """The message of the command reaches the terminal."""
    for value in ("5,", "x", "11"):
        done = make("model-train", f"batches={value}", REVIEWS_DATA_DIR=str(workspace.data))
        assert (2, True) == (done.returncode, 'Write "0 1 2", 0,1,2, 0-9 or all.' in done.stderr)
