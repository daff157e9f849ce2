"""Which change of the code makes which result anew: what decides it, and nothing else."""

import shutil
from pathlib import Path

import pytest

from src.model.core.settings import Settings, load_settings
from src.model.files.code_version import EDGES, closure, code_digest
from src.model.files.lineage import step_code
from src.model.learners import make_learner
from tests.conftest import ROOT

STEPS = ("ingest", "validate", "split_batches", "preprocess_batch", "preprocess_test")
ROOTS = {step: (f"src.model.data.{step}",) for step in STEPS} | {
    name: (
        *make_learner(load_settings({"REVIEWS_LEARNER": name}, env_file=None)).code,
        "src.model.training.examples",
    )
    for name in Settings.learners()
}
MODELS = set(Settings.learners())
ALL = {*STEPS, *MODELS}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of our sources."""
    folder = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)
    return folder


def changed(source: Path, folder: Path, path: str, old: str, new: str) -> set[str]:
    """Return the steps and learners whose code is another after a change of one file.

    An empty `old` stands for the end of the file, which may not be there yet.
    """
    shutil.copytree(source, folder, dirs_exist_ok=True)
    file = folder / path
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    assert old in text
    after = text.replace(old, new) if old else text + new
    file.write_text(after, encoding="utf-8")
    return {
        name
        for name, roots in ROOTS.items()
        if code_digest(*roots, source=folder) != code_digest(*roots, source=source)
    }


def test_equal_sources_have_equal_digests_wherever_they_lie(source: Path, tmp_path: Path) -> None:
    """A copy elsewhere, compiled files beside it, is the same code; each root has its own."""
    shutil.copytree(source, tmp_path, dirs_exist_ok=True)
    (tmp_path / "src/model/files/rows.cpython-311.pyc").write_bytes(b"\0")

    for roots in ROOTS.values():
        assert code_digest(*roots, source=source) == code_digest(*roots, source=tmp_path)
    assert len(ROOTS) == len({code_digest(*roots, source=source) for roots in ROOTS.values()})


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("src/model/data/sources/kaggle.py", "Run the same command again.", "Try once more."),
        ("src/model/core/errors.py", "Root of the tree", "Root of all"),
        ("src/model/core/settings/data.py", "Rows with an empty title.", "Rows without a title."),
        ("src/model/files/storage.py", "", "\nCHANGED = 1\n"),
        ("src/model/learners/other.py", "", '"""Another learner."""\n\nname = "other"\n'),
        ("src/model/data/other.py", "", '"""Another step."""\n'),
        ("src/api/app.py", "", "\nCHANGED = 1\n"),
    ],
)
def test_what_decides_nothing_changes_nothing(
    source: Path, tmp_path: Path, path: str, old: str, new: str
) -> None:
    """A reworded hint, a new learner, an edge of the program: no step, no model is made anew."""
    assert set() == changed(source, tmp_path, path, old, new)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/model/training/examples.py", MODELS),
        ("src/model/files/rows.py", ALL),
        ("src/model/core/text.py", ALL),
        ("src/model/core/hashing.py", {"validate", *MODELS}),
        ("src/model/learners/base.py", MODELS),
        ("src/model/learners/descent.py", {"hashed"}),
        ("src/model/learners/tfidf.py", {"tfidf"}),
        ("src/model/data/sentences.toml", {"ingest"}),
        ("src/model/data/sources/files.py", {"ingest"}),
        ("src/model/data/preprocess.py", {"preprocess_batch", "preprocess_test"}),
        ("src/model/data/split_batches.py", {"split_batches"}),
    ],
)
def test_what_decides_a_result_changes_it_and_no_other(
    source: Path, tmp_path: Path, path: str, expected: set[str]
) -> None:
    """Rows, text path, learner and recipe belong to just those results that come from them."""
    assert expected == changed(source, tmp_path, path, "", "\n# changed\n")


def test_a_changed_word_of_a_sentence_counts(source: Path, tmp_path: Path) -> None:
    """A file beside a module that bears its name is read as closely as the module."""
    text = (source / "src/model/data/sentences.toml").read_text(encoding="utf-8")
    word = text.partition('"')[2].partition('"')[0]

    assert {"ingest"} == changed(
        source, tmp_path, "src/model/data/sentences.toml", f'"{word}"', f'"{word} indeed"'
    )


def test_a_steps_code_is_that_of_its_module() -> None:
    """What the steps' manifests hold is the digest of the step's module and all it imports."""
    assert [code_digest(*ROOTS[step]) for step in STEPS] == [step_code(step) for step in STEPS]


def test_edges_exist_and_are_never_followed(source: Path) -> None:
    """Each edge names a module or a package of ours; none of them is in any result's code."""
    stems = [source.joinpath(*edge.split(".")) for edge in EDGES]
    found = {module for roots in ROOTS.values() for module in closure(roots, source)}

    assert all(s.with_suffix(".py").is_file() or (s / "__init__.py").is_file() for s in stems)
    assert not {m for m in found for e in EDGES if m == e or m.startswith(f"{e}.")}
    assert "src.model.files.rows" in found
