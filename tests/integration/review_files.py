"""The same generated reviews as files of many kinds."""

import io
import tarfile
import zipfile

import polars as pl

from src.model.data.synthetic import generate, parse

REVIEWS = dict(generate(parse("synthetic:300@9")))
EVERY_TITLE = sorted(title for frame in REVIEWS.values() for title in frame["title"])


def kaggle_csv(frame: pl.DataFrame) -> bytes:
    columns = frame.select("polarity", "title", "text")
    return columns.write_csv(include_header=False, quote_style="always").encode()


def kaggle_tgz() -> bytes:
    """An archive as fast.ai has it: a gzipped tar of a folder, with a note beside the tables."""
    buffer = io.BytesIO()
    contents = {"readme.txt": b"about the reviews", **{
        f"{split}.csv": kaggle_csv(frame) for split, frame in REVIEWS.items()
    }}  # fmt: skip
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        folder = tarfile.TarInfo("reviews_csv")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in contents.items():
            member = tarfile.TarInfo(f"reviews_csv/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def kaggle_zip(train: str = "train", test: str = "test") -> bytes:
    """An archive as Kaggle has it; which reviews are which of its tables can be chosen."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, split in (("train", train), ("test", test)):
            archive.writestr(f"{name}.csv", kaggle_csv(REVIEWS[split]))
    return buffer.getvalue()
