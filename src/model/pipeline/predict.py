"""Predict: one review -> its label, the confidence, and the words that decided it."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

from src.model import command
from src.model.classifier import INTERCEPT, Contribution
from src.model.command import Context, Outcome
from src.model.errors import UsageError
from src.model.labels import LABELS, is_positive
from src.model.learners import load_model
from src.model.tracking.base import CHAMPION, resolve

SHOWN = 6


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "pipeline.predict")
    parser.add_argument("--title", default="", help="the review's title")
    parser.add_argument("--message", default="", help="the review's text")
    parser.add_argument("--model-version", default=CHAMPION, help="a number or an alias (default: champion)")
    return parser


def run(args: argparse.Namespace, context: Context) -> Outcome:
    title, message = (_as_text(value) for value in (args.title, args.message))
    if not (title.strip() or message.strip()):
        msg = "There is nothing to judge: title and message are both empty."
        raise UsageError(msg, hint='Try make model-predict title="Great" message="I love it".')
    version = resolve(context.registry, args.model_version)
    model = load_model(context.registry.fetch(version))
    probability = model.predict_proba([title], [message])
    label = LABELS[int(is_positive(probability)[0])]
    positive = float(probability[0])
    confidence = max(positive, 1 - positive)
    words = [part for part in model.explain(title, message) if part.ngram != INTERCEPT][:SHOWN]
    abstains = bool(model.abstains(probability)[0])
    data = {
        "label": label,
        "confidence": confidence,
        "probability": positive,
        "abstains": abstains,
        "model_version": version.number,
        "run_id": version.run_id,
        "words": [asdict(word) for word in words],
    }
    return Outcome(data, _text(label, confidence, words, version.number, abstains=abstains))


def _as_text(value: str) -> str:
    """Return a command-line argument with bytes that are no UTF-8 replaced."""
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _text(label: str, confidence: float, words: Sequence[Contribution], number: int, *, abstains: bool) -> str:
    lines = [f"{label} ({confidence:.1%} sure, model version {number})"]
    if abstains:
        lines.append("  too close to call: the model abstains from a decision this unsure")
    lines += [f"  {word.weight:+6.2f}  {word.ngram}" for word in words]
    if any("|" in word.ngram for word in words):
        lines.append("  (| stands where the title ends and the text begins)")
    if not words:
        lines.append("  none of its words is known to the model")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(build_parser(), run, argv)


if __name__ == "__main__":
    sys.exit(main())
