"""Ways users have broken it, each of which must stay mended."""

import gzip
import json
import subprocess
import zipfile
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import Workspace
from tests.integration.conftest import WebServer


def lines(count: int, **more: object) -> str:
    return "".join(
        json.dumps({"polarity": i % 2 + 1, "title": f"title {i}", "text": f"text {i}"} | more)
        + "\n"
        for i in range(count)
    )


def test_rows_that_cleaning_makes_equal_share_a_split(workspace: Workspace) -> None:
    """A review, and the same with a doubled blank or an entity, stay on one side of a split."""
    pairs = [(f"Fine &amp; good {i}", f"It works {i}") for i in range(300)]
    both = [*pairs, *((t.replace("&amp;", "&"), x.replace(" ", "  ")) for t, x in pairs)]
    Path("r.jsonl").write_text(
        "".join(
            json.dumps({"polarity": 1 + number % 2, "title": t, "text": x}) + "\n"
            for number, (t, x) in enumerate(both)
        )
    )
    workspace.ok("data.ingest", "--source", "r.jsonl")
    train, test = (
        pl.read_parquet(workspace.data / f"raw/{split}.parquet")["row_id"]
        for split in ("train", "test")
    )

    assert not set(train) & set(test)
    assert 300 == train.n_unique() + test.n_unique()


def test_a_failed_ingest_leaves_the_former_reviews_usable(workspace: Workspace) -> None:
    """A source that cannot be used changes nothing about the one that could."""
    workspace.ok("data.ingest", "--source", "synthetic:300@1")
    Path("bad.csv").write_text("a,b,c\n")
    assert 3 == workspace.run("data.ingest", "--source", "bad.csv").code

    assert workspace.ok("data.validate")["passed"]
    assert workspace.ok("data.ingest", "--source", "synthetic:300@1")["skipped"]


def test_columns_named_like_ours_or_like_patterns(workspace: Workspace) -> None:
    """`reason`, `line`, `row_id`, `*` and `^p.*$` are only names."""
    odd = {"reason": "r", "line": 7, "row_id": "x", "*": "star", "^p.*$": "regex"}
    Path("r.jsonl").write_text(
        lines(100, **odd) + '{"polarity": 9, "title": "x", "text": "y", "reason": "mine"}\n'
    )
    counts = workspace.ok("data.ingest", "--source", "r.jsonl")
    frame = pl.read_parquet(workspace.data / "raw/train.parquet")

    assert {"invalid_label": 1} == counts["quarantined"]
    assert ["row_id"] == counts["ignored_columns"]
    assert ("r", "7", "star", "regex") == tuple(
        frame[name][0] for name in ("reason", "line", "*", "^p.*$")
    )


def test_values_that_are_no_text_are_set_aside(workspace: Workspace) -> None:
    """A list where the text should be is not an empty text, and NaN is no JSON."""
    Path("r.jsonl").write_text(
        lines(100) + '{"polarity": 2, "title": "t", "text": ["a"]}\n{"polarity": NaN}\n'
    )

    assert {"malformed_json": 1, "not_text": 1} == workspace.ok(
        "data.ingest", "--source", "r.jsonl"
    )["quarantined"]


def test_labels_that_are_floats_in_parquet(workspace: Workspace) -> None:
    """One odd value does not change how the others are read, and large floats are kept."""
    labels = [float(i % 2 + 1) for i in range(200)] + [1.5]
    frame = pl.DataFrame(
        {"polarity": labels, "title": [f"t{i}" for i in range(201)], "text": "x", "big": 1e19}
    )
    frame.write_parquet("r.parquet")
    counts = workspace.ok("data.ingest", "--source", "r.parquet")

    assert {"invalid_label": 1} == counts["quarantined"]
    assert float(pl.read_parquet(workspace.data / "raw/train.parquet")["big"][0]) == 1e19


def test_headers_in_capitals_and_after_a_blank_line(workspace: Workspace) -> None:
    """`Polarity,Text,Title` is a header, so title and text are not swapped."""
    Path("r.csv").write_text(
        "\nPolarity,Text,Title\n" + "".join(f"{i % 2 + 1},body {i},head {i}\n" for i in range(99))
    )
    workspace.ok("data.ingest", "--source", "r.csv")

    assert (
        pl.read_parquet(workspace.data / "raw/train.parquet")["title"].str.starts_with("head").all()
    )


def test_a_line_without_end_costs_one_row_and_little_memory(workspace: Workspace) -> None:
    """Sixty megabytes without a line break are one row set aside, and rows after it are kept."""
    good = "".join(f'"{i % 2 + 1}","t{i}","x"\n' for i in range(100)).encode()
    Path("r.csv.gz").write_bytes(
        gzip.compress(good + b"x" * 60_000_000 + b"\n" + good.replace(b"t", b"u"), 1)
    )
    counts = workspace.ok("data.ingest", "--source", "r.csv.gz")

    assert ({"line_too_long": 1}, 201) == (counts["quarantined"], counts["rows_in"])


def test_an_archive_with_two_train_files(workspace: Workspace) -> None:
    """Which of two is meant is asked, not guessed."""
    with zipfile.ZipFile("r.zip", "w") as archive:
        for folder in "ab":
            archive.writestr(f"{folder}/train.csv", '"1","a","b"\n')

    assert (
        "holds train.csv twice, as a/train.csv and b/train.csv"
        in workspace.run("data.ingest", "--source", "r.zip").err
    )


def test_a_damaged_manifest_is_mended_by_force(workspace: Workspace) -> None:
    """What the message says to do works."""
    workspace.ok("data.ingest", "--source", "synthetic:300@1")
    (workspace.data / "raw/manifest.json").write_text("{")
    broken = workspace.run("data.ingest", "--source", "synthetic:300@1")

    assert (3, True) == (broken.code, "--force" in broken.err)
    assert 300 == workspace.ok("data.ingest", "--source", "synthetic:300@1", "--force")["train"]


def test_no_secret_is_repeated(workspace: Workspace, web: WebServer) -> None:
    """Passwords and signatures are in no message, manifest or report."""
    web.files["/r.jsonl"] = lines(100).encode()
    address = web.address.replace("http://", "http://bob:hunter2@")
    shown = workspace.run("data.ingest", "--source", f"{address}/r.jsonl?sig=SECRET")
    failed = workspace.run("data.ingest", "--source", f"{address}/missing.csv?sig=SECRET")
    workspace.set(MLFLOW_TRACKING_URI="http://bob:hunter2@127.0.0.1:9")
    tracked = workspace.run("data.ingest", "--source", "synthetic:10@1")
    written = "".join(path.read_text() for path in workspace.data.rglob("*.json"))

    assert (0, 5, 5) == (shown.code, failed.code, tracked.code)
    everything = shown.out + shown.err + failed.err + tracked.err + written
    assert "hunter2" not in everything
    assert "SECRET" not in everything


def test_a_download_whose_notes_were_cut_starts_again(workspace: Workspace, web: WebServer) -> None:
    """Killed while it noted which version it loads, a download begins anew and fails no more."""
    web.files["/r.jsonl"] = lines(5_000).encode()
    web.cut_after = 100_000
    cut = workspace.run("data.ingest", "--source", f"{web.address}/r.jsonl")
    (notes,) = (workspace.path / "cache/web").glob("*/.r.jsonl.json")
    notes.write_text('{"valid')
    web.cut_after = None

    assert (5, 5_000) == (
        cut.code,
        workspace.ok("data.ingest", "--source", f"{web.address}/r.jsonl")["rows_in"],
    )


def test_files_of_s3_change_within_a_second(workspace: Workspace, bucket: str) -> None:
    """A file that was written again with the same size is read as it is now, by every reader."""
    workspace.set(REVIEWS_DATA_DIR=f"s3://{bucket}/p")
    reader, writer = workspace.context().storage, workspace.context().storage
    for content in ("first", "other", "third"):
        with writer.writing("index.json") as path:
            path.write_text(content)
        assert (
            content
            == reader.path("index.json").read_text()
            == writer.path("index.json").read_text()
        )


@pytest.mark.parametrize(
    ("variables", "words", "code", "said"),
    [
        (
            {"AWS_ACCESS_KEY_ID": "x", "REVIEWS_DATA_DIR": "s3://b/p"},
            ("data.split_batches",),
            2,
            "Only one of AWS_",
        ),
        ({"REVIEWS_DATA_DIR": "s3://"}, ("data.split_batches",), 2, "names no bucket"),
        ({}, ("data.ingest", "--source", "http://[::1/r.csv"), 2, "The address is not valid"),
        ({}, ("data.ingest", "--source", "http://a..b/r.csv"), 5, "could not be downloaded"),
        (
            {},
            ("data.ingest", "--source", "synthetic:50@7?categories=books:nan"),
            2,
            "gives no weights",
        ),
        ({}, ("data.ingest", "--source", f"synthetic:{'9' * 5000}@7"), 2, "is no recipe"),
        ({}, ("data.ingest", "--source", "x" * 300 + ".csv"), 3, "cannot be read"),
        ({"REVIEWS_LABELS": "[" * 100_000}, ("data.validate",), 2, "REVIEWS_LABELS"),
        ({}, ("pipeline.run", "train", "--batches", ""), 2, "No batch is named"),
    ],
)
def test_foreseeable_mistakes_have_a_sentence(
    workspace: Workspace, variables: dict[str, str], words: tuple[str, ...], code: int, said: str
) -> None:
    """Each ends with its exit code and a message."""
    workspace.set(**variables)
    result = workspace.run(*words)

    assert (code, True) == (result.code, said in result.err), result.err


def test_an_env_file_of_another_encoding(workspace: Workspace) -> None:
    """A .env saved as UTF-16 is named."""
    Path(".env").write_bytes("REVIEWS_SEED=1\n".encode("utf-16"))

    assert (2, True) == (
        (result := workspace.run("data.validate")).code,
        ".env is no UTF-8 text" in result.err,
    )


def test_damaged_models_of_the_file_registry(small: Workspace) -> None:
    """A cut index or a damaged archive ends with exit code 3."""
    small.ok("pipeline.train", "--batches", "0")
    (small.data / "models/1.zip").write_bytes(b"PK")
    damaged = small.run("pipeline.evaluate")
    (small.data / "models/index.json").write_text("{")
    cut = small.run("pipeline.evaluate")

    assert [(3, True), (3, True)] == [(r.code, "is damaged" in r.err) for r in (damaged, cut)]


def test_a_reader_that_goes_away(workspace: Workspace) -> None:
    """`… | head -0` is no error of ours, and a full disk under the answer is."""
    command = " ".join(workspace.command("data.ingest", "--source", "synthetic:100@1", "--json"))
    for target, code in (("| true", 0), ("> /dev/full", 5)):
        script = f"set -o pipefail; {command} {target}"
        done = subprocess.run(
            ["bash", "-c", script],
            env=workspace.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert (code, False) == (done.returncode, "Traceback" in done.stderr), done.stderr


def test_scoring_a_single_column_and_odd_columns(small: Workspace) -> None:
    """An empty cell alone is a row, binary columns are refused by name, names go in any case."""
    small.ok("pipeline.train", "--batches", "0")
    Path("one.csv").write_text("Text\nI love it\n\nIt broke\n")
    pl.DataFrame({"text": ["a"], "photo": [b"\xff"]}).write_parquet("odd.parquet")
    pl.DataFrame({"text": [["a"]]}).write_parquet("list.parquet")

    def score(source: str, target: str):  # type: ignore[no-untyped-def]
        return small.run("pipeline.score", source, target, "--model-version", "1")

    assert "Scored: 3 rows" in score("one.csv", "out.csv").out
    assert "cannot hold the column photo" in score("odd.parquet", "out.csv").err
    assert "holds no text" in score("list.parquet", "out.csv").err
    assert 0 == score("odd.parquet", "out.parquet").code
    assert [b"\xff"] == pl.read_parquet("out.parquet")["photo"].to_list()
