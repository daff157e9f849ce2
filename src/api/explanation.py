"""An explanation as the API gives it: places in the fields as the caller names them."""

from typing import Any

from src.model.core.served_model import Explanation

_FIELDS = {"title": "title", "text": "message"}


def explained(explanation: Explanation) -> dict[str, Any]:
    """Return the clean fields, the intercept and every contribution with its places."""
    return {
        "title": explanation.review.title,
        "message": explanation.review.text,
        "intercept": explanation.intercept,
        "exact": explanation.exact,
        "contributions": [
            {
                "ngram": part.ngram,
                "weight": part.weight,
                "occurrences": [
                    {"field": _FIELDS[place.field], "start": place.start, "end": place.end}
                    for place in part.places
                ],
            }
            for part in explanation.contributions
        ],
    }
