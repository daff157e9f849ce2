"""Export: a registered version -> a folder from which the API serves it without MLflow.

The folder (REVIEWS_API_MODEL_DIR) gets the model's files, its card, and export.json, which names
the version. A running API notices within REVIEWS_API_POLL_SECONDS.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.artifact import DESCRIPTION
from src.model.core.digest import sha256
from src.model.core.models import load_artifact
from src.model.core.names import CHAMPION, EXPORT, EXPORTED_CARD
from src.model.core.records import Exported, test_figures
from src.model.files.storage import LocalStorage
from src.model.tracking.base import Version, resolve


class ExportResult(Result):
    """Which version was put into which folder."""

    step: Literal["export"] = "export"
    model_version: int
    folder: str


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.export")
    parser.add_argument(
        "--model-version", default=CHAMPION, help="a number or an alias (default: champion)"
    )
    parser.add_argument("--output", type=Path, help="another folder than REVIEWS_API_MODEL_DIR")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    version = resolve(context.registry, args.model_version)
    folder = context.registry.fetch(version)
    model, _ = load_artifact(folder)  # what is damaged is found here, not by the API
    target: Path = args.output or context.settings.api.model_dir
    _write(version, folder, model.kind.files, target, context)
    result = ExportResult(model_version=version.number, folder=str(target))
    text = f"Exported: version {version.number} into {target}\n  make api-run serves it"
    return Outcome(result, text)


def _write(
    version: Version, folder: Path, files: Sequence[str], target: Path, context: Context
) -> None:
    """Write the files one by one, each whole.

    The description of the model comes last: it has the digests of the others, so whoever reads
    between two writes sees a model that does not fit, and looks again.
    """
    storage = LocalStorage(target)
    known = Exported(
        name=context.settings.mlflow.model_name,
        version=str(version.number),
        run_id=version.run_id,
        digest=sha256(folder / DESCRIPTION),
        metrics=test_figures(version.tags),
    )
    card = f"reports/model_card_{version.number}.html"
    with storage.lease("export", wait=30):
        storage.remove(EXPORTED_CARD)
        if context.storage.size(card) is not None:
            with storage.writing(EXPORTED_CARD) as path:
                shutil.copyfile(context.storage.path(card), path)
        for name in files:
            with storage.writing(name) as path:
                shutil.copyfile(folder / name, path)
        with storage.writing(EXPORT) as path:
            path.write_text(known.model_dump_json(indent=1) + "\n", encoding="utf-8")
        with storage.writing(DESCRIPTION) as path:
            shutil.copyfile(folder / DESCRIPTION, path)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
