"""Generated reviews."""

import polars as pl
import pytest

from src.model.core.errors import UsageError
from src.model.data.synthetic import BLOCK, generate, parse


def train(spec: str) -> pl.DataFrame:
    return pl.concat([frame for split, frame in generate(parse(spec)) if split == "train"])


SAMPLE = train("synthetic:20000@7")


def test_equal_recipes_give_equal_rows_and_other_seeds_others() -> None:
    """The seed decides everything."""
    assert train("synthetic:500@1").equals(train("synthetic:500@1"))
    assert not train("synthetic:500@1").equals(train("synthetic:500@2"))


def test_a_longer_set_begins_like_a_shorter_one_in_whole_blocks() -> None:
    """Blocks depend on their number alone, so a stream may stop anywhere."""
    short, long = train(f"synthetic:{BLOCK}@3"), train(f"synthetic:{BLOCK + 10}@3")

    assert short.equals(long.head(BLOCK))


def test_one_test_row_for_nine_train_rows() -> None:
    """Splits have the proportion of Kaggle's set."""
    sizes = {split: frame.height for split, frame in generate(parse("synthetic:900@1"))}

    assert {"train": 900, "test": 100} == sizes


def test_reviews_have_the_shape_of_reviews() -> None:
    """Lengths average about 430 bytes with a long tail; labels are as frequent; rows differ."""
    size = SAMPLE["text"].str.len_bytes()
    mean, tail = size.mean(), size.quantile(0.95)
    assert isinstance(mean, float)
    assert isinstance(tail, float)

    assert 390 < mean < 470
    assert 750 < tail < 1_300
    assert abs((SAMPLE["polarity"] == 2).mean() - 0.5) < 0.02  # type: ignore[operator]
    assert SAMPLE["text"].n_unique() > 19_900
    assert SAMPLE["category"].n_unique() >= 12
    assert (SAMPLE["title"] == "").any()


def test_the_grammar_is_rich() -> None:
    """There are some hundred phrases of opinion, and they cover negation, contrast and sarcasm."""
    import tomllib
    from pathlib import Path

    import src.model.data.synthetic as module

    grammar = tomllib.loads(
        Path(module.__file__).with_name("sentences.toml").read_text(encoding="utf-8")
    )
    phrases = [
        p for mood in ("positive", "negative") for kind in grammar[mood].values() for p in kind
    ]
    phrases += [
        p
        for c in grammar["category"].values()
        for mood in ("positive", "negative")
        for p in c[mood]
    ]

    assert len(set(phrases)) >= 350
    assert {"negated", "contrast"} <= set(grammar["positive"]) & set(grammar["negative"])
    assert "sarcasm" in grammar["negative"]


def test_knobs_bend_the_distribution() -> None:
    """Positive share, category mix, vocabulary, typos and noise follow the recipe."""
    bent = train(
        "synthetic:4000@1?positive_share=0.9&label_noise=0&categories=books:3,toys:1&vocabulary_shift=1&typos=1"
    )
    books = (bent["category"] == "books").mean()

    assert isinstance(books, float)
    assert abs(books - 0.75) < 0.03
    assert abs((bent["polarity"] == 2).mean() - 0.9) < 0.02  # type: ignore[operator]
    assert bent["text"].str.contains("chef's kiss").any()
    assert not SAMPLE["text"].str.contains("chef's kiss").any()


def test_noise_flips_the_stated_share_of_labels() -> None:
    """With and without noise the texts are the same; the labels differ in the stated share."""
    clean, noisy = (train(f"synthetic:20000@7?label_noise={share}") for share in ("0", "0.04"))

    assert clean["text"].equals(noisy["text"])
    assert abs((clean["polarity"] != noisy["polarity"]).mean() - 0.04) < 0.005  # type: ignore[operator]


@pytest.mark.parametrize(
    "spec",
    [
        "synthetic:",
        "synthetic:100",
        "synthetic:0@1",
        "synthetic:x@1",
        "synthetic:10@-1",
        "synthetic:10@1?typo=1",
        "synthetic:10@1?typos=2",
        "synthetic:10@1?typos=x",
        "synthetic:10@1?rows=3",
        "synthetic:10@1?categories=cars:1",
        "synthetic:10@1?categories=books:0",
        "synthetic:10@1?categories=books",
    ],
)
def test_a_recipe_that_makes_no_sense_is_refused(spec: str) -> None:
    """A wrong recipe ends with a sentence, before anything is written."""
    with pytest.raises(UsageError):
        parse(spec)
