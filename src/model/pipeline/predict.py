"""Predict: one review -> its label, the confidence, and the words that decided it."""

import argparse
import sys
from collections.abc import Sequence

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import UsageError
from src.model.core.labels import Answer, label_names
from src.model.core.models import load_artifact
from src.model.core.names import CHAMPION, MANY_UNKNOWN
from src.model.core.records import Record
from src.model.tracking.base import resolve

SHOWN = 6


class Word(Record):
    """An n-gram's share of the log-odds: above 0 speaks for positive."""

    ngram: str
    weight: float


class PredictResult(Result):
    """The verdict on a review: `probability` is that of positive, `confidence` that of the label.

    `words` are the ones that decided most; `abstained` says that it is too close to call.
    `unknown_share` is the share of its words that the model has never learned from;
    `other_language` says that it does not look like the `language` that the model reads.
    """

    label: Answer
    confidence: float
    probability: float
    abstained: bool
    unknown_share: float
    other_language: bool
    language: str
    model_version: int
    run_id: str
    words: list[Word]


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.predict")
    parser.add_argument("--title", default="", help="the review's title")
    parser.add_argument("--message", default="", help="the review's text")
    parser.add_argument(
        "--model-version", default=CHAMPION, help="a number or an alias (default: champion)"
    )
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    title, message = (_as_text(value) for value in (args.title, args.message))
    if not (title.strip() or message.strip()):
        msg = "There is nothing to judge: title and message are both empty."
        of = f" model_version={args.model_version}" if args.model_version != CHAMPION else ""
        hint = f'Try make model-predict title="Great" message="I love it"{of}.'
        raise UsageError(msg, hint=hint)
    version = resolve(context.registry, args.model_version)
    model, artifact = load_artifact(context.registry.fetch(version))
    found = model.read([title], [message])
    positive = float(found.probability[0])
    result = PredictResult(
        label=label_names(found.probability)[0],
        confidence=max(positive, 1 - positive),
        probability=positive,
        abstained=bool(found.abstained[0]),
        unknown_share=float(found.unknown_share[0]),
        other_language=bool(found.other_language[0]),
        language=artifact.language.name,
        model_version=version.number,
        run_id=version.run_id,
        words=[
            Word(ngram=part.ngram, weight=part.weight)
            for part in model.explain(title, message).contributions[:SHOWN]
        ],
    )
    return Outcome(result, prediction_text(result))


def _as_text(value: str) -> str:
    """Return a command-line argument with bytes that are no UTF-8 replaced."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def prediction_text(result: PredictResult) -> str:
    """Return a prediction for people.

    >>> words = [Word(ngram="love", weight=1.5)]
    >>> print(prediction_text(PredictResult(
    ...     label="positive", confidence=0.9, probability=0.9, abstained=False, unknown_share=0.4,
    ...     other_language=True, language="English", model_version=3, run_id="r", words=words,
    ... )))
    positive (90.0% sure, model version 3)
       +1.50  love
      40% of its words are unknown to the model
      it does not look English, which the model was made for
    """
    version = f"model version {result.model_version}"
    sure = f"{result.confidence:.1%} sure"
    lines = [f"{result.label} ({sure}, {version})"]
    if result.label == "undecided":
        lines = [f"undecided ({version})"]
    elif result.abstained:
        lines = [f"undecided, leans {result.label} ({sure}: too close to call, {version})"]
    lines += [f"  {word.weight:+6.2f}  {word.ngram}" for word in result.words]
    if not result.words:
        lines.append("  none of its words is known to the model")
    elif result.unknown_share > MANY_UNKNOWN:
        lines.append(f"  {result.unknown_share:.0%} of its words are unknown to the model")
    if result.other_language:
        lines.append(f"  it does not look {result.language}, which the model was made for")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
