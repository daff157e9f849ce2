"""A registry that answers anything: the API serves the registered model, or says why it does not.

Answers are made from a grammar, seeded; `make test-hostile` makes many more of them.
"""

import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from src.api.metrics import Metrics
from src.api.model_cache import ModelCache
from src.api.model_store import ModelSlot
from src.api.sources import MlflowSource
from src.model.core.names import DIGEST_TAG
from src.model.core.settings import MlflowSettings
from tests.conftest import training
from tests.integration.api_process import REVIEW, model_of, probability_of

pytestmark = pytest.mark.slow

CASES = 2_000 if "TEST_WHOLE" in os.environ else 300
STATUSES = (200, 204, 301, 302, 400, 401, 403, 404, 418, 429, 500, 502, 503)
SCALARS: tuple[Any, ...] = (
    None, True, -1, 0, 10**12, 10**400, 1.5, float("nan"), float("inf"), -0.0, "", "champion",
    "../../../etc/passwd", "a\0b", "x" * 100_000, "\ud800", "١", [], {}, [[]], {"a": {}},
    "<script>", "=1+1", "hashed.evil", "os", "0" * 64,
)  # fmt: skip
BODIES = (
    b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 200_000, b'{"a":' * 100_000, b"\0" * 5_000_000,
    b"<html>sign in</html>", b'{"model_version": 1}', b'{"model_version": {"version": {}}}',
)  # fmt: skip


Answers = dict[str, tuple[int, bytes, dict[str, str]]]


@dataclass
class Registry:
    """What it answers to each path: status, body, and headers that replace the usual ones."""

    answers: Answers = field(default_factory=dict)
    port: int = 0


@pytest.fixture
def registry() -> Iterator[Registry]:
    state = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            key = path if "artifact" not in path else self.path.rpartition("%2F")[2]
            status, body, headers = state.answers.get(key, (404, b"", {}))
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.port = server.server_address[1]
    Thread(target=server.serve_forever, daemon=True).start()
    yield state
    server.shutdown()
    server.server_close()


def honest(folder: Path, *, with_digest: bool) -> Answers:
    """The answers of a registry that means well."""
    description = (folder / "model.json").read_bytes()
    tags = [{"key": "test.accuracy", "value": "0.9"}]
    if with_digest:
        tags.append({"key": DIGEST_TAG, "value": sha256(description).hexdigest()})
    version = {"name": "reviews", "version": "7", "run_id": "run7", "tags": tags}
    alias = json.dumps({"model_version": version}).encode()
    files: Answers = {path.name: (200, path.read_bytes(), {}) for path in folder.iterdir()}
    return {"/api/2.0/mlflow/registered-models/alias": (200, alias, {}), **files}


def twisted(rng: random.Random, body: Any) -> Any:
    """A JSON value with one thing in it replaced, doubled or taken away."""
    if isinstance(body, dict) and body and rng.random() < 0.8:
        key = rng.choice(sorted(body))
        if rng.random() < 0.1:
            return {name: value for name, value in body.items() if name != key}
        if rng.random() < 0.1:
            return body | {str(rng.choice(SCALARS)): body[key]}
        return body | {key: twisted(rng, body[key])}
    if isinstance(body, list) and body and rng.random() < 0.7:
        place = rng.randrange(len(body))
        return [*body[:place], twisted(rng, body[place]), *body[place + 1 :]]
    return rng.choice(SCALARS)


def mutated(rng: random.Random, content: bytes) -> bytes:
    """Content that is cut, longer, changed in one bit, or nested and twisted where it is JSON."""
    kind = rng.choice(["json", "json", "json", "cut", "longer", "bit", "other"])
    if kind == "json" and content.startswith(b"{"):
        return json.dumps(twisted(rng, json.loads(content))).encode("utf-8", "surrogatepass")
    if kind == "cut":
        return content[: rng.randrange(len(content))]
    if kind == "longer":
        return content + bytes(rng.randrange(1, 100))
    if kind == "bit":
        place = rng.randrange(len(content))
        changed = bytes([content[place] ^ (1 << rng.randrange(8))])
        return content[:place] + changed + content[place + 1 :]
    return rng.choice(BODIES)


@pytest.mark.parametrize("with_digest", [True, False])
def test_whatever_a_registry_answers(
    registry: Registry, tmp_path: Path, *, with_digest: bool
) -> None:
    """No answer ends the thread, and none is written outside of the cache or served changed."""
    model, expected = model_of(1), probability_of(model_of(1))
    model.save(tmp_path / "made", training(fingerprint="f1"))
    well = honest(tmp_path / "made", with_digest=with_digest)
    outside = sorted(path for path in tmp_path.rglob("*"))
    results: dict[str, int] = {}
    for case in range(CASES):
        rng = random.Random(case)
        registry.answers = dict(well)
        for path in rng.sample(sorted(well), rng.choice([1, 1, 1, 2, 3])):
            status, content, headers = well[path]
            what = rng.random()
            if what < 0.15:
                status = rng.choice(STATUSES)
                headers = {"Location": "http://127.0.0.1:9/"} if status in {301, 302} else {}
            elif what < 0.25:
                headers = rng.choice(
                    [{"Content-Length": str(len(content) * 2)}, {"Content-Length": "5"},
                     {"Content-Encoding": "gzip"}, {"Content-Type": "text/html"}]
                )  # fmt: skip
            else:
                content = mutated(rng, content)
            registry.answers[path] = (status, content, headers)
        slot = _slot(registry, tmp_path / "cache")
        changed = slot.look()
        result = _result(slot)
        results[result] = results.get(result, 0) + 1

        assert result != "defect", case
        assert changed == (slot.current is not None) == (result == "loaded"), case
        if slot.current:
            titles, messages = [REVIEW["title"]], [REVIEW["message"]]
            probability = float(slot.current.model.read(titles, messages).probability[0])
            same = registry.answers["model.json"][1] == well["model.json"][1]
            assert expected == probability if with_digest or same else 0 <= probability <= 1, case
            assert same or not _has_digest(registry), case
    now = sorted(path for path in tmp_path.rglob("*") if "cache" not in path.parts)

    assert outside == [path for path in now if path != tmp_path / "cache"]
    assert {"loaded", "refused", "unreachable"} <= set(results), results


def _has_digest(registry: Registry) -> bool:
    """The alias still tells the digest of the description that was registered."""
    body = registry.answers["/api/2.0/mlflow/registered-models/alias"][1]
    return DIGEST_TAG.encode() in body


def _slot(registry: Registry, cache: Path) -> ModelSlot:
    settings = MlflowSettings(
        tracking_uri=f"http://127.0.0.1:{registry.port}",
        model_name="reviews",
        tracking_token=SecretStr(""),
    )
    source = MlflowSource(settings, "champion")
    return ModelSlot("champion", source, ModelCache(cache), Metrics(), 60.0)


def _result(slot: ModelSlot) -> str:
    """How the one look at the registry ended."""
    (result,) = [
        sample.labels["result"]
        for family in slot.metrics.registry.collect()
        for sample in family.samples
        if sample.name == "reviews_model_reloads_total" and sample.value
    ]
    return result


def test_only_what_it_wrote_leaves_the_cache(registry: Registry, tmp_path: Path) -> None:
    """In a folder that others use too, nothing of theirs is deleted, however old."""
    model_of(1).save(tmp_path / "made", training(fingerprint="f1"))
    cache = tmp_path / "cache"
    theirs = [cache / name for name in (".profile", "notes", "photos/1.jpg", ".ssh/key", "a.json")]
    ours = [cache / name for name in (f"{'0' * 64}/x", ".fetching-abc1_/x", ".champion.json.7.tmp")]
    for path in (*theirs, *ours):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        os.utime(path, (0, 0))
        os.utime(path.parent, (0, 0))
    registry.answers = honest(tmp_path / "made", with_digest=True)

    assert _slot(registry, cache).look()
    assert all(path.exists() for path in theirs)
    assert not any(path.exists() for path in ours)


def _gone(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _file_for_folder(path: Path) -> None:
    _gone(path)
    path.write_text("a file")


def _folder_for_file(path: Path) -> None:
    _gone(path)
    path.mkdir()
    (path / "x").write_text("in a folder")


def _nested(path: Path) -> None:
    path.write_bytes(b"[" * 200_000)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _one_digit(path: Path) -> None:
    text = path.read_text()
    path.write_text(re.sub(r'("slope": )\d', r"\g<1>9", text))
    assert text != path.read_text()


def _elsewhere(path: Path) -> None:
    body = json.loads(path.read_text())
    path.write_text(json.dumps(body | {"folder": "../../made"}))


def _odd_bounds(path: Path) -> None:
    body = json.loads(path.read_text())
    body["reference"]["metrics"] = {"accuracy": 10**400}
    path.write_text(json.dumps(body))


CACHES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "pointer gone": ("pointer", _gone),
    "pointer cut": ("pointer", _cut),
    "pointer nested": ("pointer", _nested),
    "pointer a folder": ("pointer", _folder_for_file),
    "pointer to elsewhere": ("pointer", _elsewhere),
    "pointer with odd bounds": ("pointer", _odd_bounds),
    "model gone": ("folder", _gone),
    "model a file": ("folder", _file_for_folder),
    "description gone": ("folder/model.json", _gone),
    "description cut": ("folder/model.json", _cut),
    "description nested": ("folder/model.json", _nested),
    "description a folder": ("folder/model.json", _folder_for_file),
    "description with another slope": ("folder/model.json", _one_digit),
    "weights gone": ("folder/model.safetensors", _gone),
    "weights cut": ("folder/model.safetensors", _cut),
    "weights a folder": ("folder/model.safetensors", _folder_for_file),
    "weights another's": ("folder/model.safetensors", _nested),
}


@pytest.mark.parametrize("case", CACHES)
def test_a_damaged_cache_is_fetched_anew(registry: Registry, tmp_path: Path, case: str) -> None:
    """It ends no start, serves nothing else than the registered model, and is whole afterwards."""
    model_of(1).save(tmp_path / "made", training(fingerprint="f1"))
    registry.answers = honest(tmp_path / "made", with_digest=False)
    cache = tmp_path / "cache"
    assert _slot(registry, cache).look()
    (folder,) = [path for path in cache.iterdir() if path.is_dir()]
    (cache / ".fetching-killed").mkdir()
    os.utime(cache / ".fetching-killed", (0, 0))
    names = {"pointer": cache / "champion.json", "folder": folder}
    where, damage = CACHES[case]
    first, _, rest = where.partition("/")
    damage(names[first] / rest if rest else names[first])
    whole, registry.answers = registry.answers, {}
    alone = _slot(registry, cache)
    alone.start()
    alone.stop()
    registry.answers = whole
    again = _slot(registry, cache)
    looked = again.look()
    after = _slot(registry, cache)
    after.start()
    after.stop()

    assert alone.current is None
    assert looked
    assert again.current is not None
    assert after.current is not None
    assert after.current.digest == again.current.digest
    assert {"champion.json", folder.name} == {path.name for path in cache.iterdir()}
