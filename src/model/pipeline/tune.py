"""Tune: search the parameters of the hashed learner with Optuna; `train` uses the best ones from then on.

Each trial learns from the training rows of --batches and is judged by the log loss on their validation rows. The first
one tries the settings as they are. A search that was stopped goes on where it was: --trials counts all trials together.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.distributions import FloatDistribution, IntDistribution
from sqlalchemy.exc import SQLAlchemyError

from src.model import command
from src.model.command import Context, Outcome
from src.model.data.batches import parse_batches
from src.model.data.manifest import code_digest
from src.model.errors import DivergedError, StorageError, UsageError
from src.model.evaluation.metrics import classification_metrics
from src.model.learners import make_learner
from src.model.learners.base import Reviews
from src.model.pipeline.inputs import Processed, train_files, training_blocks, validation_rows
from src.model.pipeline.tuned import RESULT, Tuned
from src.model.settings import Settings
from src.model.tracking.base import Run

_NAME = "hashed"
_LOSS = "validation.log_loss"


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.tune")
    parser.add_argument("--batches", required=True, nargs="+", metavar="K", help='"0 1 2", 0,1,2, 0-4 or all')
    parser.add_argument("--trials", type=_positive, default=20, help="trials of the whole search (default: 20)")
    return parser


def _positive(word: str) -> int:
    if not word.isdecimal() or not int(word):
        msg = f"{word!r} is no number of trials"
        raise argparse.ArgumentTypeError(msg)
    return int(word)


SPACE: dict[str, IntDistribution | FloatDistribution] = {
    "hashed_bits": IntDistribution(18, 22),
    "hashed_ngrams": IntDistribution(1, 3),
    "hashed_smoothing": FloatDistribution(0.1, 10, log=True),
    "hashed_epochs": IntDistribution(1, 6),
    "hashed_learning_rate": FloatDistribution(2, 100, log=True),
    "hashed_damping": FloatDistribution(0.005, 0.5, log=True),
    "hashed_step_rows": IntDistribution(64, 1024, log=True),
    "hashed_weight_decay": FloatDistribution(0.0, 0.1),
}
"""What is searched. With 22 bits a model takes 8.4 MB, with every further one twice as much."""


def run(args: argparse.Namespace, context: Context) -> Outcome:
    settings = context.settings
    if settings.learner != _NAME:
        msg = f"Only the learner {_NAME} is tuned, not {settings.learner}."
        raise UsageError(msg, hint="Leave REVIEWS_LEARNER out.")
    numbers = parse_batches(" ".join(args.batches), settings.batches)
    files = train_files(context, numbers)
    validation = validation_rows(context.storage, files, settings.validation_share)
    if not len(validation):
        raise UsageError("There are no validation rows to judge by.", hint="Tune on more batches.")
    context.tracker.check()
    with context.storage.lock("tune"), _saying_what_failed(settings.tune_storage):
        study = _study(settings, files)
        done = _finished(study)
        if not done:
            study.enqueue_trial(_as_they_are(settings), skip_if_exists=True)
        batches = " ".join(map(str, numbers))
        with context.tracker.start(f"tune {_NAME} {batches}", {"step": "tune", "study": study.study_name}) as parent:
            parent.params({"learner": _NAME, "batches": batches, "trials": args.trials})
            parent.inputs([file.data_set(context.storage, "training") for file in files])
            with context.progress("Tuning") as advance:
                advance(done, args.trials)
                for _ in range(args.trials - done):
                    _one_trial(study, context, files, validation)
                    advance(1, args.trials)
            best = _write_best(study, context, parent)
    first = next(trial for trial in study.trials if trial.value is not None)
    data = {"step": "tune", "study": study.study_name, "trials": _finished(study), "resumed": done, **best}
    lines = [
        f"Tuned: trial {best['trial']} of {_finished(study)} is the best on {len(validation):,} validation rows",
        f"  log loss {best['log_loss']:.4f}, in the first trial {first.value:.4f}",
    ]
    if best["trial"] == first.number:
        lines.append("  nothing better than the settings as they were, so far; more trials: make model-tune trials=40")
    lines += [f"  {name} = {value}" for name, value in best["settings"].items()]
    lines.append(f"  in {context.storage.root}/{RESULT}; make model-train uses them where no setting says otherwise")
    return Outcome(data, "\n".join(lines))


def _one_trial(study: optuna.Study, context: Context, files: Sequence[Processed], validation: Reviews) -> None:
    trial = study.ask(dict(SPACE))
    learner = make_learner(context.settings.model_copy(update=trial.params))
    share = context.settings.validation_share
    with context.tracker.start(f"trial {trial.number}", {"step": "tune_trial"}, nested=True) as run:
        run.params(trial.params)
        try:
            fitted = learner.fit(lambda: training_blocks(context.storage, files, share), validation, lambda *_: None)
        except DivergedError as error:
            run.tags({"diverged": str(error.message)})
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            return
        figures = classification_metrics(
            validation.positive, fitted.model.predict_proba(validation.titles, validation.texts)
        )
        run.metrics({f"validation.{name}": value for name, value in figures.items()})
    study.tell(trial, figures["log_loss"])


def _write_best(study: optuna.Study, context: Context, parent: Run) -> dict[str, Any]:
    try:
        best = study.best_trial
    except ValueError:
        raise DivergedError("Every trial diverged.", hint="Lower REVIEWS_HASHED_LEARNING_RATE.") from None
    assert best.value is not None  # noqa: S101 - the best trial has a value
    found = Tuned(learner=_NAME, study=study.study_name, trial=best.number, log_loss=best.value, settings=best.params)
    with context.storage.writing(RESULT) as path:
        path.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
    parent.metrics({_LOSS: best.value, "trials": float(_finished(study))})
    parent.text(found.model_dump_json(indent=2), "best.json")
    return {"trial": best.number, "log_loss": best.value, "settings": best.params}


def _finished(study: optuna.Study) -> int:
    return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))


def _as_they_are(settings: Settings) -> dict[str, Any]:
    """Return the settings as a trial; one outside the search space is brought to its edge."""
    return {name: min(max(getattr(settings, name), range_.low), range_.high) for name, range_ in SPACE.items()}


def _study(settings: Settings, files: Sequence[Processed]) -> optuna.Study:
    """Return the study of these rows and this code, new or with its former trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    decisive = [[file.sha256 for file in files], settings.seed, settings.validation_share, code_digest("learners")]
    name = f"{_NAME}-{hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:12]}"
    study = optuna.create_study(storage=settings.tune_storage, study_name=name, load_if_exists=True)
    # A sampler begins anew in every process: with the same seed, a search that goes on would repeat its first trials.
    study.sampler = optuna.samplers.TPESampler(seed=settings.seed + len(study.get_trials(deepcopy=False)))
    return study


@contextmanager
def _saying_what_failed(storage: str) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        msg = f"Optuna's store {storage} cannot be used: {str(error).splitlines()[0]}."
        raise StorageError(msg, hint="Check REVIEWS_TUNE_STORAGE, then run the same command again.") from error


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
