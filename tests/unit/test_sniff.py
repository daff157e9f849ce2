"""Files that are not what their names say: each is named by what it is."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from pathlib import Path

import polars as pl
import pytest

from src.model.core.errors import SourceError
from src.model.files.readers import read_table, table_at
from src.model.files.sniff import disguise, separator_of

COLUMNS = ("polarity", "title", "text")
ROWS = b"".join(b'"2","Great","I love it, really %d"\n"1","Bad","It broke %d"\n' % (i, i)
                for i in range(40))  # fmt: skip
OBJECTS = [{"polarity": "2", "title": f"Great {i}", "text": "I love it"} for i in range(40)]
LINES = "".join(json.dumps(found) + "\n" for found in OBJECTS).encode()
ACCENTS = "".join(f'"2","Café {i}","Très bon, cet été"\n' for i in range(40))


def parquet() -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(OBJECTS).write_parquet(buffer)
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("reviews.csv", ROWS)
    return buffer.getvalue()


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
PAGE = b"\n<!DOCTYPE html>\n<html><body>Please log in</body></html>\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", ROWS.decode().encode("utf-16-le"), "UTF-16"),
        ("a.csv", ROWS.decode().encode("utf-32"), "UTF-16 or UTF-32"),
        ("a.csv", ACCENTS.encode("cp1252"), "Windows-1252"),
        ("a.csv", json.dumps(OBJECTS).encode(), "a JSON array"),
        ("a.csv", gzip.compress(bz2.compress(ROWS)), "compressed with bzip2"),
        ("a.csv", lzma.compress(ROWS), "compressed with xz"),
        ("a.csv", zipped(), "a zip archive or a spreadsheet"),
        ("a.csv", parquet(), "is Parquet"),
        ("a.csv", LFS, "a Git LFS pointer"),
        ("a.csv", PAGE, "a web page"),
        ("a.csv.gz", ROWS, "not compressed although it ends in .gz"),
        ("a.csv.bz2", ROWS, "not compressed although it ends in .bz2"),
        ("a.csv.gz", PAGE, "is a web page, not compressed although it ends in .gz"),
        ("a.csv.gz", gzip.compress(gzip.compress(ROWS)), "gzip inside another"),
        ("a.jsonl", json.dumps(OBJECTS, indent=2).encode(), "a JSON array"),
        ("a.jsonl", json.dumps(OBJECTS[0], indent=2).encode(), "one JSON document over several"),
        ("a.jsonl", ROWS, "none of its first lines is a JSON object"),
        ("a.jsonl", PAGE, "a web page"),
        ("a.jsonl.gz", LINES, "not compressed although it ends in .gz"),
        ("a.parquet", LFS, "a Git LFS pointer"),
        ("a.parquet", PAGE, "a web page"),
        ("a.parquet", gzip.compress(parquet()), "is gzip"),
    ],
)
def test_a_disguised_file_is_named_by_what_it_is(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    """Neither "it has ." nor "download it again": what it is, and what to do about it."""
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(SourceError, match=said) as caught:
        list(read_table(table_at(path), COLUMNS))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", ".csv"),
        (ROWS, ".csv"),
        (ACCENTS.encode(), ".csv"),
        (b"\xef\xbb\xbf" + ROWS, ".csv"),
        (b'"1","tab\there; and; there","x"\n' * 9, ".csv"),
        (b"text\nGreat; really; good\nBad\n", ".csv"),
        (b"[sic],a,b\n", ".csv"),
        (b'{"a": 1},b,c\n', ".csv"),
        (ROWS + b'"1","caf\xe9","x"\n' * 2, ".csv"),
        (b'"1","caf\xe9","x"\n', ".csv"),
        (LINES, ".jsonl"),
        (b"not json\n" + LINES, ".jsonl"),
        (parquet(), ".parquet"),
    ],
)
def test_nothing_speaks_against_an_honest_file(content: bytes, kind: str) -> None:
    """A broken row, a tab within a text or two accents too many are no other format."""
    assert disguise(content, kind) is None


@pytest.mark.parametrize(
    ("content", "separator"),
    [
        (ROWS, ","),
        (ROWS.replace(b'","', b'"\t"'), "\t"),
        (ROWS.replace(b'","', b'";"'), ";"),
        (b"polarity\ttitle\ttext\n2\tGreat\tI love it; really, I do\n", "\t"),
        (b"polarity;title;text\n2;Great;I love it, really\n1;Bad;Broke\n", ";"),
        (b"\xef\xbb\xbf" + ROWS.replace(b'","', b'";"'), ";"),
        (b'"1","tab\there; and; there","x"\n' * 9, ","),
        (b"a;b\n1;2\n", ","),
        (b"", ","),
    ],
)
def test_what_stands_between_the_cells(content: bytes, separator: str) -> None:
    """Tabs and semicolons are told from those within texts; one semicolon a line is too few."""
    assert separator == separator_of(content)
