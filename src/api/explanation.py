"""An explanation with places: every n-gram's share of the log-odds, and where in the review it stands."""

from typing import Any

from src.model.classifier import INTERCEPT, SentimentClassifier
from src.model.text import clean, token_spans


def explained(classifier: SentimentClassifier, title: str, message: str) -> dict[str, Any]:
    """Return the clean fields, the intercept and every contribution with its places, the weightiest first."""
    fields = clean(title, message)
    places: dict[str, list[dict[str, Any]]] = {}
    for name, field in (("title", fields.title), ("message", fields.text)):
        spans = token_spans(field)
        for first in range(len(spans)):
            for last in range(first, min(first + classifier.shape.ngrams, len(spans))):
                ngram = " ".join(word for word, _, _ in spans[first : last + 1])
                places.setdefault(ngram, []).append({"field": name, "start": spans[first][1], "end": spans[last][2]})
    parts = {part.ngram: part.weight for part in classifier.explain(title, message)}
    return {
        "title": fields.title,
        "message": fields.text,
        "intercept": parts.pop(INTERCEPT, 0.0),
        "contributions": [
            {"ngram": ngram, "weight": weight, "occurrences": places.get(ngram, [])} for ngram, weight in parts.items()
        ],
    }
