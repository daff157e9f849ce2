"""Names that one program writes and another reads: tags, aliases, artifacts, files."""

from typing import Final

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"
ALIASES = (CHAMPION, CHALLENGER, PREVIOUS)

FINGERPRINT_TAG = "fingerprint"
"""Tag of a version: what decides the model, see `training.plan`."""

DIGEST_TAG = "model_sha256"
"""Tag of a version: the SHA-256 of its `model.json`, which has those of all its other files."""

TEST_TAG = "test."
"""What the names of figures on the test rows begin with in a run: `test.accuracy` and so on."""

TEST_FIGURES_TAG, TEST_DIGEST_TAG = "test.figures", "test_sha256"
"""Tags of an evaluated version: those figures as JSON, and the test file they were measured on."""

MANY_UNKNOWN = 0.3
"""From this share of words that a model has never learned from on, people are told of it."""

RAW_DIGEST_TAG = "raw_sha256"
"""Tag of a version: the SHA-256 of the ingested train rows that its batches were split from."""

GATE_TAG = "gate"
"""Tag of a version and of its run: what promotion decided."""

AGAINST_TAG, ASKED_RUN_TAG, ANSWERED_TAG = "gate.against", "gate.run", "gate.answered_by"
"""Tags of a version: the champion it was judged against, the scheduler's run that asked a person,
and who answered."""

ASKED: Final = "asked"
REJECTED: Final = "rejected"
"""Values of `gate`: it passed and waits for a person's answer; that answer was no."""

ROLLED_BACK = "rolled back"
"""Value of that tag: the version was the champion and is not to be promoted again."""

GENERATED = "synthetic:"
"""How a source of generated reviews begins."""

FOOTPRINT = ("train.seconds", "train.rows", "train.peak_mb")
"""What a training cost: metrics of its run."""

COST_TAG = "train.cost"
"""Tag of a version: the same in words, as its card shows it."""

MODEL_ARTIFACT = "artifacts/model"
"""Folder of the model's own files in a version's artifacts."""

TRAINED_VIEW = "?workflowType=machine_learning"
"""At the end of an address of MLflow's page: the view of trained models, not of language models."""

CARD_FOLDER, CARD_PAGE = "card", "model_card.html"
PLOTS_FOLDER = "plots"
EVALUATION_FILE, PROMOTION_FILE = "evaluation.json", "promotion.json"
"""Artifacts of a version's run."""

EXPORT = "export.json"
"""Beside an exported model: which version it is."""

EXPORTED_CARD = "card.html"
"""Beside an exported model: its card's page, where it has one."""
