"""skops files with equal bytes for equal models.

skops numbers a model's parts by their addresses in memory and stamps its archive with the time, so no two files of it
are alike. Numbering them in the order in which they occur, and leaving out the time, makes a digest mean the content.
"""

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import skops.io

_SCHEMA = "schema.json"


def dump(model: Any, path: Path) -> None:
    """Write a scikit-learn model as skops does."""
    written = BytesIO()
    skops.io.dump(model, written)
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        schema = json.loads(source.read(_SCHEMA))
        numbers: dict[str, int] = {}
        _renumber(schema, numbers)
        arrays = {
            f"{numbers[Path(name).stem]}{Path(name).suffix}": name for name in source.namelist() if name != _SCHEMA
        }
        for name in sorted(arrays):
            target.writestr(zipfile.ZipInfo(name), source.read(arrays[name]), zipfile.ZIP_DEFLATED)
        target.writestr(zipfile.ZipInfo(_SCHEMA), json.dumps(schema, sort_keys=True), zipfile.ZIP_DEFLATED)


def _renumber(node: Any, numbers: dict[str, int]) -> None:
    """Replace addresses, as part numbers and in file names, by the order in which they are met."""
    if isinstance(node, list):
        for item in node:
            _renumber(item, numbers)
        return
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "__id__":
            node[key] = numbers.setdefault(str(value), len(numbers))
        elif key == "file" and isinstance(value, str):
            path = Path(value)
            node[key] = f"{numbers.setdefault(path.stem, len(numbers))}{path.suffix}"
        else:
            _renumber(value, numbers)
