"""What is trained, with which parameters, and what a model must do to become the champion."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from src.model.core.settings.group import Group, Positive, Share, setting


class LearnerSettings(Group):
    """Parameters of one learner; its field in `Settings` is the learner's name."""


class HashedSettings(LearnerSettings):
    """How the default learner looks at text, and how its weights move.

    The learning rate falls in a straight line to nothing over the epochs. With fewer than 64 steps
    an epoch, steps take fewer rows.
    """

    prefix: ClassVar[str] = "REVIEWS_HASHED_"

    bits: Annotated[int, Field(ge=8, le=26)] = setting(
        22, "The `hashed` learner has 2^bits buckets."
    )
    ngrams: Annotated[int, Field(ge=1, le=4)] = setting(3, "Its longest n-grams, in tokens.")
    smoothing: Annotated[float, Field(gt=0)] = setting(1.2, "Added to every bucket's count.")
    epochs: Annotated[int, Field(ge=1, le=100)] = setting(3, "Passes over the training rows.")
    learning_rate: Annotated[float, Field(gt=0, le=1e30)] = setting(23.0, "Step size at the start.")
    damping: Annotated[float, Field(ge=0)] = setting(0.014, "How much frequent n-grams slow down.")
    step_rows: Annotated[int, Field(ge=1, le=100_000)] = setting(214, "Rows per step.")
    weight_decay: Annotated[float, Field(ge=0)] = setting(
        0.018, "Share by which weights shrink per epoch."
    )
    balance: bool = setting(False, "Weigh both labels the same, however rare one is.")
    patience: Positive = setting(2, "Epochs without gain on the validation rows before it stops.")
    max_bytes: Annotated[int, Field(ge=0)] = setting(
        0, "Prune the model to at most so many bytes, 1000000 for example; 0 keeps all of it."
    )


class TfidfSettings(LearnerSettings):
    """The baseline's vocabulary and its regularisation."""

    prefix: ClassVar[str] = "REVIEWS_TFIDF_"

    max_features: Positive = setting(200_000, "Vocabulary of the `tfidf` learner, in n-grams.")
    min_df: Positive = setting(2, "An n-gram in fewer reviews is left out.")
    c: Annotated[float, Field(gt=0)] = setting(8.0, "Inverse regularisation strength.")


class Learners(Group):
    """Every learner by its name, with its parameters: a learner is a line here and a module."""

    hashed: HashedSettings = HashedSettings()
    tfidf: TfidfSettings = TfidfSettings()


class PromotionSettings(Group):
    """Bounds of the gate's rules: shares between 0 and 1, drops as differences of shares."""

    prefix: ClassVar[str] = "REVIEWS_PROMOTE_"

    how: Literal["auto", "approve"] = setting(
        "auto",
        "Who has the last word on a challenger that passes: `auto`, nobody; `approve`, a person, "
        "with `make model-approve` or in the scheduler.",
        "REVIEWS_PROMOTE",
    )
    min_test_rows: Positive = setting(
        100, "Test rows it takes to judge a model at all: of fewer, figures are chance."
    )
    min_accuracy: Share = setting(0.80, "Accuracy a champion must reach on the test rows.")
    min_recall: Share = setting(0.70, "Recall each label must reach.")
    min_roc_auc: Share = setting(0.85, "ROC-AUC a champion must reach.")
    max_log_loss: Annotated[float, Field(gt=0)] = setting(0.60, "Log loss it must not exceed.")
    max_ece: Share = setting(0.15, "Expected calibration error it must not exceed.")
    min_coverage: Share = setting(
        0.6, "Share of the test rows it must decide, instead of abstaining."
    )
    max_model_bytes: Annotated[int, Field(ge=0)] = setting(
        0,
        "Size its files must not exceed, in bytes; 0 stands for what its kind of model promises, "
        "20000000 for `hashed`.",
    )
    max_latency_us: Annotated[float, Field(ge=0)] = setting(
        0.0,
        "Median time of judging one review, in microseconds; 0 stands for what its kind of model "
        "promises, 10000 for `hashed`.",
    )
    min_functionality: Share = setting(
        0.6, "Behavioural cases of minimum functionality it must pass."
    )
    min_invariance: Share = setting(0.8, "Behavioural cases of invariance it must pass.")
    min_directional: Share = setting(0.7, "Behavioural cases of direction it must pass.")
    max_accuracy_drop: Share = setting(
        0.01, "Accuracy it may lose against the champion, at the low end of the 95 % interval."
    )
    max_log_loss_rise: Annotated[float, Field(ge=0)] = setting(
        0.02, "Log loss it may add to the champion's, at the high end of the 95 % interval."
    )
    max_slice_drop: Share = setting(0.03, "Accuracy it may lose in a slice, beyond chance.")
    min_slice_rows: Positive = setting(
        100,
        "A slice of fewer test rows is reported, not judged.",
        "REVIEWS_SLICE_MIN_ROWS",
    )
