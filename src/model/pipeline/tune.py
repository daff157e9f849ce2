"""Tune: search the parameters of the learner with Optuna.

`train` uses the best ones from then on. Each trial learns from the training rows of --batches and
is judged by the log loss on their validation rows. The first one tries the settings as they are. A
search that was stopped goes on where it was: --trials counts all trials together.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import optuna
from sqlalchemy.exc import SQLAlchemyError

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import DivergedError, StorageError, UsageError
from src.model.core.redact import without_secrets
from src.model.core.settings import Settings
from src.model.evaluation.metrics import classification_metrics
from src.model.files.batches import as_ranges
from src.model.files.code_version import code_digest
from src.model.files.tables import Recorded
from src.model.learners import make_learner
from src.model.learners.base import Learner, Reviews
from src.model.tracking.base import Run
from src.model.training.examples import training_blocks, validation_rows
from src.model.training.inputs import Processed, batch_numbers, local_files, train_files
from src.model.training.tuned import RESULT, Tuned

_LOSS = "validation.log_loss"


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.tune")
    parser.add_argument(
        "--batches", required=True, nargs="+", metavar="K", help='"0 1 2", 0,1,2, 0-4 or all'
    )
    parser.add_argument("--trials", default="20", help="trials of the whole search (default: 20)")
    return parser


def _positive(word: str) -> int:
    if not word.isdecimal() or not int(word):
        msg = f"--trials={word} is no number of trials."
        raise UsageError(msg, hint="Write trials=20; all trials of the search are counted.")
    return int(word)


class TuneResult(Result):
    """The best trial so far: its validation log loss, and the parameters that gave it.

    `resumed` counts the trials that had been done before.
    """

    step: Literal["tune"] = "tune"
    study: str
    trials: int
    resumed: int
    trial: int
    log_loss: float
    settings: dict[str, Any]


def run(args: argparse.Namespace, context: Context) -> Outcome:
    settings = context.settings
    learner, trials = make_learner(settings), _positive(args.trials)
    if not learner.search:
        msg = f"The learner {learner.name} has no parameters to search."
        raise UsageError(msg, hint="Leave REVIEWS_LEARNER out.")
    numbers = batch_numbers(context, " ".join(args.batches))
    files = train_files(context, numbers)
    paths = local_files(context.storage, files)
    validation = validation_rows(paths, settings.validation_share)
    if not len(validation):
        raise UsageError("There are no validation rows to judge by.", hint="Tune on more batches.")
    context.tracker.check()
    with context.storage.lease("tune"), _saying_what_failed(settings.tune_storage):
        study = _study(settings, learner, files)
        done = _finished(study)
        if not done:
            study.enqueue_trial(_as_they_are(settings, learner), skip_if_exists=True)
        batches = " ".join(map(str, numbers))
        tags = {"step": "tune", "study": study.study_name}
        with context.tracker.start(f"tune {learner.name} {batches}", tags) as parent:
            parent.params({"learner": learner.name, "batches": batches, "trials": trials})
            parent.inputs([file.data_set(context.storage, "training") for file in files])
            with context.progress("Tuning") as advance:
                advance(done, trials)
                for _ in range(trials - done):
                    _one_trial(study, learner, context, paths, validation)
                    advance(1, trials)
            best = _write_best(study, learner, context, parent)
    first = next(trial for trial in study.trials if trial.value is not None)
    result = TuneResult(
        study=study.study_name,
        trials=_finished(study),
        resumed=done,
        trial=best.trial,
        log_loss=best.log_loss,
        settings=best.settings,
    )
    place = f"{context.storage.root}/{RESULT}"
    assert first.value is not None  # noqa: S101 - chosen for having one
    begun = (first.number, first.value)
    text = search_text(result, len(validation), begun, as_ranges(numbers), place)
    return Outcome(result, text)


def search_text(
    result: TuneResult, rows: int, first: tuple[int, float], batches: str, place: str
) -> str:
    """Return what a search found on `rows` validation rows, beside its first trial.

    `first` is that trial's number and log loss.
    """
    lines = [
        f"Tuned: trial {result.trial} of {result.trials} is the best on {rows:,} validation rows",
        f"  log loss {result.log_loss:.4f}, in the first trial {first[1]:.4f}",
    ]
    if result.trial == first[0]:
        lines.append(
            "  nothing better than the settings as they were, so far: training stays as it is"
        )
        lines.append(
            f"  to search on: make model-tune batches={batches} trials={2 * result.trials}"
        )
        return "\n".join(lines)
    lines += [f"  {name} = {value}" for name, value in result.settings.items()]
    lines.append(f"  in {place}; train uses them where no setting says otherwise:")
    lines.append(f"  make model-pipeline-train batches={batches}")
    return "\n".join(lines)


def _one_trial(
    study: optuna.Study,
    learner: Learner,
    context: Context,
    files: Sequence[Recorded],
    validation: Reviews,
) -> None:
    trial = _next(study)
    settings = context.settings
    group = settings.parameters.model_copy(update=_suggested(trial, learner))
    tried = make_learner(settings.model_copy(update={learner.name: group}))

    def blocks() -> Iterator[Reviews]:
        return training_blocks(files, settings.validation_share)

    with context.tracker.start(f"trial {trial.number}", {"step": "tune_trial"}, nested=True) as run:
        run.params({f"{learner.name}.{name}": value for name, value in trial.params.items()})
        try:
            fitted = tried.fit(blocks, validation, lambda *_: None)
        except DivergedError as error:
            run.tags({"diverged": str(error.message)})
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            return
        probability = fitted.model.probabilities(validation.titles, validation.texts)
        figures = classification_metrics(validation.positive, probability)
        run.metrics({f"validation.{name}": value for name, value in figures.items()})
    study.tell(trial, figures["log_loss"])


def _next(study: optuna.Study) -> optuna.Trial:
    """Return the trial that a killed search has left open, or a new one.

    Nobody else works on it: a search holds its lease.
    """
    open_ones = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
    for left in open_ones:
        return optuna.Trial(study, left._trial_id)  # noqa: SLF001 - Optuna has no other way back
    return study.ask()


def _suggested(trial: optuna.Trial, learner: Learner) -> dict[str, int | float]:
    """Return the parameters to try; those that the trial has already stay as they are."""
    return {
        name: trial.suggest_int(name, low, high, log=log)
        if isinstance(low, int) and isinstance(high, int)
        else trial.suggest_float(name, low, high, log=log)
        for name, (low, high, log) in learner.search.items()
    }


def _write_best(study: optuna.Study, learner: Learner, context: Context, parent: Run) -> Tuned:
    try:
        best = study.best_trial
    except ValueError:
        hint = "Lower REVIEWS_HASHED_LEARNING_RATE."
        raise DivergedError("Every trial diverged.", hint=hint) from None
    assert best.value is not None  # noqa: S101 - the best trial has a value
    found = Tuned(
        learner=learner.name,
        study=study.study_name,
        trial=best.number,
        log_loss=best.value,
        settings=best.params,
    )
    with context.storage.writing(RESULT) as path:
        path.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
    parent.metrics({_LOSS: best.value, "trials": float(_finished(study))})
    parent.text(found.model_dump_json(indent=2), "best.json")
    return found


def _finished(study: optuna.Study) -> int:
    return sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))


def _as_they_are(settings: Settings, learner: Learner) -> dict[str, Any]:
    """Return the settings as a trial; one outside the search space is brought to its edge."""
    return {
        name: min(max(getattr(settings.parameters, name), low), high)
        for name, (low, high, _) in learner.search.items()
    }


def _study(settings: Settings, learner: Learner, files: Sequence[Processed]) -> optuna.Study:
    """Return the study of these rows and this code, new or with its former trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    decisive = [
        [file.sha256 for file in files],
        settings.seed,
        settings.validation_share,
        code_digest(*learner.code, "src.model.training.examples"),
    ]
    name = f"{learner.name}-{hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:12]}"
    storage = settings.tune_storage
    # A driver that is not installed, a port that is no number
    with _saying_what_failed(storage, ImportError, ValueError):
        study = optuna.create_study(storage=storage, study_name=name, load_if_exists=True)
    # A sampler begins anew in every process: with the same seed, a search that goes on would repeat
    # its first trials.
    seed = settings.seed + _finished(study)
    study.sampler = optuna.samplers.TPESampler(seed=seed)
    return study


@contextmanager
def _saying_what_failed(storage: str, *more: type[Exception]) -> Iterator[None]:
    failures: tuple[type[Exception], ...] = (
        SQLAlchemyError,
        optuna.exceptions.StorageInternalError,
        *more,
    )
    try:
        yield
    except failures as error:
        place, reason = without_secrets(storage), str(error).splitlines()[0]
        msg = f"Optuna's store {place} cannot be used: {without_secrets(reason)}."
        hint = "Check REVIEWS_TUNE_STORAGE, then run the same command again."
        raise StorageError(msg, hint=hint) from error


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
