"""Evidently's defaults on pairs of reference and window, in an environment of its own.

    python bench/evidently_peer.py PAIRS.npz

The file has arrays called `NUMBER/SIDE/FIGURE`, sides `reference` and `window`. For each pair it
prints, as one JSON list, whether any column is called drifted.
"""

import contextlib
import io
import json
import os
import sys
import warnings
from collections import defaultdict
from typing import Any

import numpy as np

os.environ["DO_NOT_TRACK"] = "1"


def drifted(figures: dict[str, dict[str, Any]]) -> bool:
    """Say whether the preset calls any column drifted."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    both = [
        Dataset.from_pandas(
            pd.DataFrame(figures[side]),
            data_definition=DataDefinition(numerical_columns=list(figures[side])),
        )
        for side in ("window", "reference")
    ]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        found = Report([DataDriftPreset()]).run(*both).dict()
    counts = [one["value"]["count"] for one in found["metrics"] if _counts(one)]
    return float(counts[0]) > 0


def _counts(metric: dict[str, Any]) -> bool:
    return isinstance(metric.get("value"), dict) and "count" in metric["value"]


def main() -> int:
    pairs: dict[int, dict[str, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    with np.load(sys.argv[1]) as arrays:
        for key in arrays.files:
            number, side, name = key.split("/")
            pairs[int(number)][side][name] = arrays[key]
    answers = [drifted(pairs[number]) for number in sorted(pairs)]
    sys.stdout.write(json.dumps(answers) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
