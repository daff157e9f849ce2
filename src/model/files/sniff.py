"""What a file really is, told by its first bytes, where its name says something else.

A web page saved as reviews.csv, a Git LFS pointer, a spreadsheet: read as what their names say they
become thousands of broken rows and a message about damage. Each is named by what it is instead.
"""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

from src.model.core.errors import SourceError

HEAD_BYTES = 1 << 16
"""So much of a file is looked at."""

GZIP, BZIP2 = b"\x1f\x8b", b"BZh"
_MAGIC = (
    (GZIP, "gzip", "Decompress it (gunzip)."),
    (b"PK\x03\x04", "a zip archive or a spreadsheet", "Name it .zip, or save the sheet as CSV."),
    (b"PAR1", "Parquet", "Give it the ending .parquet."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "Save the sheet as CSV, in UTF-8."),
    (b"%PDF", "a PDF", "Export the table that is in it as CSV."),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "Decompress it (zstd -d)."),
    (b"\xfd7zXZ", "compressed with xz", "Decompress it (xz -d)."),
    (BZIP2, "compressed with bzip2", "Decompress it (bzip2 -d)."),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it."),
    (b"SQLite format 3\0", "a SQLite database", "Export the table as CSV."),
    (b"ARROW1", "an Arrow file", "Write it as Parquet."),
)
UTF_16, UTF_32 = (b"\xff\xfe", b"\xfe\xff"), (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
FASTTEXT_LABEL = b"__label__"
_LFS = b"version https://git-lfs"
_PAGE = re.compile(rb"<(!doctype html|html|head|body|\?xml)", re.IGNORECASE)
_ARRAY = re.compile(rb"\[\s*[\[{\]]")
_QUOTED = re.compile(rb'"[^"]*"')
_SEPARATORS = ((b"\t", 1), (b";", 2))
_MOST_LINES = 20
_ICONV = "iconv -f WINDOWS-1252 -t UTF-8 FILE > reviews.csv"
AS_UTF8 = f"rows that are no UTF-8: if the file is in Windows-1252, convert it: {_ICONV}"
INVALID_UTF8 = "invalid_utf8"
"""The reason of such rows, and what may be done about them."""
_MANY, _OFTEN = 2, 0.1  # so many lines, and such a share of all, are no accident in a row


class Disguise(NamedTuple):
    """What a file is, and what to do about it."""

    what: str
    hint: str


def refuse_plain(head: bytes, name: str, packed: Sequence[str]) -> None:
    """Raise SourceError where a file's name has one of these endings, and it is not compressed."""
    ending = next((ending for ending in packed if name.lower().endswith(ending)), None)
    if head and ending:
        found = disguise(head, "")
        what = f"{found.what}, not" if found else "not"
        msg = f"{name} is {what} compressed although it ends in {ending}."
        raise SourceError(msg, hint=found.hint if found else f"Take {ending} off its name.")


def refuse_disguised(head: bytes, name: str, kind: str) -> None:
    """Raise SourceError where the first bytes of the file `name` are not those of its `kind`.

    `kind` is `.csv`, `.jsonl`, `.parquet` or `.ft`; `head` its first `HEAD_BYTES`, decompressed.
    """
    if found := disguise(head, kind):
        if head.startswith(GZIP) and kind != ".parquet":
            found = Disguise("gzip inside another compression", "Decompress it once.")
        msg = f"{name} is {found.what}, and not what its ending says."
        raise SourceError(msg, hint=found.hint)


def disguise(head: bytes, kind: str) -> Disguise | None:
    r"""Return what the first bytes really are, or None where nothing speaks against `kind`.

    >>> disguise(b"%PDF-1.7", ".csv").what
    'a PDF'
    >>> disguise(b"polarity,title,text\n", ".csv") is None
    True
    """
    for magic, what, hint in _MAGIC:
        if head.startswith(magic) and what.lower() != kind.removeprefix("."):
            return Disguise(what, hint)
    if head.startswith(UTF_16) or head.count(0) * 3 > len(head):
        return Disguise("text in UTF-16 or UTF-32", "Save it as UTF-8.")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(_LFS):
        return Disguise("a Git LFS pointer", "Fetch what it points to: git lfs pull.")
    if _PAGE.match(text):
        hint = "Open it: it may ask for a login, or be an error; then download the file itself."
        return Disguise("a web page", hint)
    if kind == ".parquet":
        return None
    lines = _whole_lines(text, cut=len(head) >= HEAD_BYTES)
    return _other_table(text, lines, kind) or _other_encoding(lines)


def _whole_lines(text: bytes, *, cut: bool) -> list[bytes]:
    """Return the lines that are not blank, without the last where the head may end within it."""
    lines = text.splitlines()
    return [line for line in (lines[:-1] if cut else lines) if line.strip()]


def _other_table(text: bytes, lines: Sequence[bytes], kind: str) -> Disguise | None:
    if _ARRAY.match(text):
        hint = "Write one object a line: jq -c '.[]' IN > OUT.jsonl."
        return Disguise("a JSON array", hint)
    if kind != ".jsonl":
        return None
    objects = sum(map(_is_object, lines[:_MOST_LINES]))
    if lines and not objects and text.startswith(b"{"):
        hint = "Write one object a line: jq -c . IN > OUT.jsonl."
        return Disguise("one JSON document over several lines", hint)
    if lines and not objects:
        return Disguise("no JSON Lines: none of its first lines is a JSON object", "Look into it.")
    return None


def kind_of(head: bytes, kind: str) -> str:
    r"""Return what a table of this kind is by its first bytes, whatever it is called.

    >>> kind_of(b'{"title": "x"}\n', ".csv"), kind_of(b"__label__2 Good: I like it\n", ".csv")
    ('.jsonl', '.ft')
    """
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    lines = _whole_lines(text, cut=len(head) >= HEAD_BYTES)[:_MOST_LINES]
    if lines and all(line.startswith(FASTTEXT_LABEL) for line in lines):
        return ".ft"
    return ".jsonl" if kind == ".csv" and lines and all(map(_is_object, lines)) else kind


def _is_object(line: bytes) -> bool:
    if not line.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def separator_of(head: bytes) -> str:
    r"""Return what stands between the cells of a CSV file, told by its first bytes.

    That is the comma, unless every line has as many tabs, or at least two semicolons, and commas
    are not what all lines have equally often.

    >>> separator_of(b"polarity;title;text\n1;Bad;It broke\n")
    ';'
    """
    text = _QUOTED.sub(b"", head.removeprefix(b"\xef\xbb\xbf").lstrip())
    lines = text.splitlines()[: -1 if len(head) >= HEAD_BYTES else None]
    bare = [line for line in lines if line.strip(b" ")][:_MOST_LINES]
    if not bare or _often(bare, b",") > 0:
        return ","
    for separator, least in _SEPARATORS:
        if _often(bare, separator) >= least:
            return separator.decode()
    return ","


def _often(lines: Sequence[bytes], separator: bytes) -> int:
    """Return how often each line has the separator, or 0 where they differ."""
    counts = {line.count(separator) for line in lines}
    return counts.pop() if len(counts) == 1 else 0


def _other_encoding(lines: Sequence[bytes]) -> Disguise | None:
    beyond = [line for line in lines if not line.isascii()]
    if len(beyond) < max(_MANY, _OFTEN * len(lines)) or any(map(_is_utf8, beyond)):
        return None
    return Disguise(
        "text in Windows-1252 or another encoding of one byte", f"Save it as UTF-8: {_ICONV}."
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
