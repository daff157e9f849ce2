"""The model card: complete, and harmless whatever stands in the data."""

import re
from dataclasses import replace

import pytest

from src.model.core.records import Description, InputFile
from src.model.evaluation.behaviour import Rate
from src.model.evaluation.card import CardFacts, brief, markdown, page, summary
from src.model.evaluation.intervals import Interval
from src.model.evaluation.slices import Slice
from tests.conftest import training

TRAINING = training(
    parameters={
        "learner": "hashed",
        "batches": "0 1",
        "validation_share": 0.05,
        "hashed.bits": 22,
    },
    git_sha="c" * 40,
    code_sha256="d" * 64,
    lock_sha256="e" * 64,
    fingerprint="f" * 64,
)
DESCRIPTION = {
    "format": 2,
    "learner": "hashed",
    "sha256": {"m.bin": "b" * 64},
    "band": [0.3, 0.7],
    "training": TRAINING,
}
FACTS = CardFacts(
    name="reviews",
    version=3,
    source="my|reviews.zip",
    language="English",
    batches="0-1",
    description=Description.model_validate(DESCRIPTION),
    training=TRAINING,
    test=InputFile(key="processed/test.parquet", sha256="9" * 64, rows=2_000),
    positive_share=0.5,
    date="2026-01-31",
    aliases=("challenger",),
    confusion=((900, 100), (100, 900)),
    figures={
        "accuracy": 0.9,
        "ece": 0.01,
        "coverage": 0.8,
        "accuracy_decided": 0.97,
        "rows": 2000.0,
    },
    intervals={"accuracy": Interval(0.88, 0.92)},
    slices=[Slice("title: empty", 150, 0.4, 0.85, Interval(0.8, 0.9), 0.3, judged=False)],
    min_slice_rows=200,
    value_columns=["category"],
    rates=[Rate("minimum", "sarcasm", 1, 6), Rate("minimum", "plain praise", 15, 15)],
    footprint={"files to serve it": "8.39 MB"},
    plots=["roc"],
)
HEADINGS = (
    "Model details",
    "Intended use",
    "Factors",
    "Metrics",
    "Evaluation data",
    "Training data",
    "Quantitative analyses",
    "Ethical considerations",
    "Caveats and recommendations",
)


def test_the_card_has_the_headings_and_the_figures() -> None:
    """The paper's nine headings, figures with intervals, what is weak, how to rebuild the model."""
    text = markdown(FACTS)

    assert list(HEADINGS) == [
        h for h in re.findall(r"^## (.+)$", text, re.MULTILINE) if h != "Footprint"
    ]
    assert "| accuracy | 0.9000 | 0.8800 to 0.9200 |" in text
    assert "| expected calibration error | 0.0100 |  |" in text
    assert "too few to judge" in text
    assert "Weak here: sarcasm, 1 of 6 cases." in text
    assert "plain praise, 15" not in text.split("## Caveats")[1]
    assert "make model-reproduce model_version=3" in text
    assert "- Learner `hashed`, trained on batches 0 1." in text
    assert "Between 0.300 and 0.700 the model abstains" in text
    assert "it decides 80.0 % of the test rows, and is right in 97.00 % of those." in text
    assert f"- Code `{'c' * 40}` (digest `{'d' * 12}`), library lock `{'e' * 12}`," in text
    assert f"fingerprint `{'f' * 12}`, files: `m.bin` `{'b' * 12}`." in text
    assert "| hashed.bits | 22 |" in text.replace("\\", "")
    assert f"| processed/train_batch_0.parquet | 1,000 | `{'a' * 16}` |" in text.replace("\\", "")
    assert f"2,000 rows, 50.0 % of them positive,\nSHA-256 `{'9' * 64}`" in text
    assert "From my\\|reviews.zip:" in text
    assert "says nothing about real reviews" not in summary(FACTS)
    assert "says nothing about real reviews" in summary(replace(FACTS, source="synthetic:9@1"))
    assert "right on 90.00% of 2,000 test rows (95 % interval 88.00% to 92.00%)" in summary(FACTS)


def test_what_matters_comes_first_and_alone() -> None:
    """The summary, day, alias, coverage, licence and the confusion matrix fit beside a version."""
    first = brief(FACTS)

    assert first.strip() in markdown(FACTS).split("## ")[0]
    assert "| evaluated | 2026-01-31, when it was the challenger |" in first
    assert "| decides | 80.0 % of them, right in 97.00 % of those |" in first
    assert "rows of batches 0-1 |" in first
    assert "MIT" in first
    assert "| truly negative | 900 | 100 |" in first
    assert len(first) < 5_000  # as much as MLflow keeps of a version's description


def test_the_page_stands_alone() -> None:
    """Plots are in it, nothing is loaded from elsewhere, tables are tables."""
    made = page(markdown(FACTS), {"roc": b"\x89PNG"})

    assert '<img src="data:image/png;base64,iVBORw==" alt="roc"' in made
    assert not re.findall(r'(?:src|href)="(?!data:|#)', made)
    anchors = re.findall(r'href="#([^"]+)"', made)
    assert len(HEADINGS) + 1 == len(anchors)
    assert all(f'<h2 id="{anchor}">' in made for anchor in anchors)
    assert made.count("<table>") >= 5
    assert "<title>Model card: reviews, version 3</title>" in made


@pytest.mark.parametrize(
    "name", ["a | b", "<script>alert(1)</script>", "[x](javascript:alert(1))", "two\nlines", "`*_~"]
)
def test_hostile_names_stay_text(name: str) -> None:
    """A value of a column cannot break out of its cell or into the page."""
    hostile = replace(FACTS, slices=[replace(FACTS.slices[0], name=name)], value_columns=[name])
    made = page(markdown(hostile), {})
    row = next(line for line in markdown(hostile).splitlines() if "too few to judge" in line)

    assert 8 == len(re.findall(r"(?<!\\)\|", row))
    assert "<script" not in made
    assert not re.findall(r'href="(?!#)', made)
