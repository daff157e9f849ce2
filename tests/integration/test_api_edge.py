"""What every answer of the API has in common, who is let in, and what its document promises."""

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from tests.integration.api_process import REVIEW, Api, ready


def test_other_paths_and_methods_are_problems_too(api: Api) -> None:
    """Not found and not allowed are problem details, with the security headers of every answer."""
    answers = [api.client.get("/nowhere"), api.client.get("/api/v1/predict"), api.client.get("/")]

    assert [404, 405, 200] == [answer.status_code for answer in answers]
    assert all(a.headers["x-content-type-options"] == "nosniff" for a in answers)
    assert all("default-src 'none'" in a.headers["content-security-policy"] for a in answers)
    assert all("access-control-allow-origin" not in a.headers for a in answers)
    assert ["application/problem+json"] * 2 == [a.headers["content-type"] for a in answers[:2]]


def test_a_request_id_is_taken_over_only_if_well_formed(api: Api) -> None:
    """A caller's id comes back; one that could break a log line does not."""
    good = api.client.get("/health/live", headers={"x-request-id": "trace-12345.a_b"})
    bad = api.client.get("/health/live", headers={"x-request-id": 'x"\\,injected'})

    assert "trace-12345.a_b" == good.headers["x-request-id"]
    assert 32 == len(bad.headers["x-request-id"])


def test_the_openapi_document_describes_every_endpoint(api: Api) -> None:
    """With examples, and problems as problem details."""
    paths = api.client.get("/openapi.json").json()["paths"]

    assert {
        "/api/v1/predict", "/api/v1/predict/batch", "/api/v1/feedback", "/api/v1/model",
        "/api/v1/health", "/health/live", "/health/ready", "/metrics",
    } == set(paths)  # fmt: skip
    assert (
        "application/problem+json"
        in paths["/api/v1/predict"]["post"]["responses"]["422"]["content"]
    )


def test_requests_made_from_its_own_openapi_document(folder: Path) -> None:
    """What schemathesis sends, allowed or forbidden by the document, is answered as documented."""
    with ready(folder) as api:
        done = _schemathesis(api, folder)
        after = api.client.post("/api/v1/predict", json=REVIEW)

    assert 0 == done.returncode, done.stdout[-4000:]
    assert "No issues found" in done.stdout
    assert 200 == after.status_code


def _schemathesis(api: Api, folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).parent / "schemathesis"
    words = [
        "run", f"{api.client.base_url}/openapi.json", "--max-examples", "15", "--checks", "all",
        "--seed", "1", "--phases", "examples,coverage,fuzzing", "--no-color",
    ]  # fmt: skip
    return subprocess.run(
        [str(program), *words], cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )


def test_keys_and_limits(folder: Path) -> None:
    """No key is 401, one is 200, one too often 429 with the time to wait; health needs neither."""
    (folder / "keys").write_text(f"ann:{sha256(b'secret').hexdigest()}\n")
    with ready(
        folder,
        REVIEWS_API_KEYS_FILE=str(folder / "keys"),
        REVIEWS_API_RATE="0.5",
        REVIEWS_API_BURST="3",
    ) as api:
        headers = {"authorization": "Bearer secret"}
        ours = [api.client.post("/api/v1/predict", json=REVIEW, headers=headers) for _ in range(4)]
        other = api.client.post("/api/v1/predict", json=REVIEW, headers={"x-api-key": "guess"})
        health = api.client.get("/api/v1/health")

    assert [200, 200, 200, 429] == [answer.status_code for answer in ours]
    assert 1 <= int(ours[3].headers["retry-after"]) <= 2
    assert (401, "Bearer", 200) == (
        other.status_code,
        other.headers["www-authenticate"],
        health.status_code,
    )
