"""The version of the code that decides a result: a digest of the modules it comes from.

Not of whole folders, and not of one commit: a step's files stay current when something changes
that cannot change them. The modules are found by following imports from a root; where the code
touches the world (settings, errors, storage, fetching), following ends: what comes from there is
in a step's key by its value, as parameters and digests.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_SOURCE = Path(__file__).resolve().parents[3]
_OURS = "src."

EDGES = (
    "src.model.command",
    "src.model.core.disk",
    "src.model.core.errors",
    "src.model.core.logs",
    "src.model.core.redact",
    "src.model.core.s3",
    "src.model.core.settings",
    "src.model.data.sources.kaggle",
    "src.model.data.sources.s3",
    "src.model.data.sources.web",
    "src.model.files.code_version",
    "src.model.files.layout",
    "src.model.files.lease",
    "src.model.files.lineage",
    "src.model.files.manifest",
    "src.model.files.s3_storage",
    "src.model.files.storage",
    "src.model.files.stores",
    "src.model.tracking",
)
"""Modules that bring or take things and decide nothing about them; a package stands for all in it.

What is fetched is in the key by its SHA-256, a setting by its value.
"""


@cache
def code_digest(*roots: str, source: Path = _SOURCE) -> str:
    """Return the SHA-256 of the sources of `roots` and of all that they import, edges left out.

    A file beside a module that has its name and another ending (`sentences.toml`) belongs to it.
    `source` is the folder that holds `src`.
    """
    digest = hashlib.sha256()
    for module in sorted(closure(roots, source)):
        path = _path(module, source)
        siblings = (
            [path] if path.name == "__init__.py" else sorted(path.parent.glob(f"{path.stem}.*"))
        )
        for file in siblings:
            if file.suffix != ".pyc":
                name = file.relative_to(source).as_posix()
                digest.update(name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def closure(roots: tuple[str, ...], source: Path = _SOURCE) -> set[str]:
    """Return the names of `roots` and of every module of ours that they import, edges left out."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module not in found and not _is_edge(module):
            found.add(module)
            waiting += _imports(_path(module, source), source)
    return found


def _is_edge(module: str) -> bool:
    return any(module == edge or module.startswith(f"{edge}.") for edge in EDGES)


def _imports(path: Path, source: Path) -> Iterator[str]:
    """Yield the modules of ours that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith(_OURS))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_OURS):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if _exists(inner, source) else str(node.module)


def _exists(module: str, source: Path) -> bool:
    stem = source.joinpath(*module.split("."))
    return stem.with_suffix(".py").is_file() or (stem / "__init__.py").is_file()


def _path(module: str, source: Path) -> Path:
    stem = source.joinpath(*module.split("."))
    file = stem.with_suffix(".py")
    return file if file.is_file() else stem / "__init__.py"
