"""Export: a registered version -> a folder from which the API serves it without MLflow.

The folder (REVIEWS_API_MODEL_DIR) gets the model's two files, its card, and export.json, which names the version.
A running API notices within REVIEWS_API_POLL_SECONDS.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from src.model import command
from src.model.artifact import DESCRIPTION, read_description
from src.model.classifier import SentimentClassifier
from src.model.command import Context, Outcome
from src.model.data.storage import LocalStorage
from src.model.errors import UsageError
from src.model.tracking.base import CHAMPION, TEST_TAG, Version, resolve
from src.model.weights import WEIGHTS

_SERVED = "hashed"


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.export")
    parser.add_argument("--model-version", default=CHAMPION, help="a number or an alias (default: champion)")
    parser.add_argument("--output", type=Path, help="another folder than REVIEWS_API_MODEL_DIR")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    version = resolve(context.registry, args.model_version)
    folder = context.registry.fetch(version)
    learner = read_description(folder)["learner"]
    if learner != _SERVED:
        msg = f"Version {version.number} is of the learner {learner}; the API serves {_SERVED} alone."
        raise UsageError(msg, hint="It needs no scikit-learn that way. Choose another version.")
    SentimentClassifier.load(folder)  # what is damaged is found here, not by the API
    target: Path = args.output or context.settings.api_model_dir
    _write(version, folder, target, context)
    data = {"step": "export", "model_version": version.number, "folder": str(target)}
    return Outcome(data, f"Exported: version {version.number} into {target}\n  make api-run serves it")


def _write(version: Version, folder: Path, target: Path, context: Context) -> None:
    """Write the files one by one, each whole, the description of the model last but one: a reader checks its digest."""
    storage = LocalStorage(target)
    figures = {k.removeprefix(TEST_TAG): float(v) for k, v in version.tags.items() if k.startswith(TEST_TAG)}
    name = context.settings.model_name
    known = {"name": name, "version": str(version.number), "run_id": version.run_id, "metrics": figures}
    card = f"reports/model_card_{version.number}.html"
    with storage.lock("export", wait=30):
        storage.remove("card.html")
        if context.storage.size(card) is not None:
            with storage.writing("card.html") as path:
                shutil.copyfile(context.storage.path(card), path)
        with storage.writing(WEIGHTS) as path:
            shutil.copyfile(folder / WEIGHTS, path)
        with storage.writing("export.json") as path:
            path.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        with storage.writing(DESCRIPTION) as path:
            shutil.copyfile(folder / DESCRIPTION, path)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
