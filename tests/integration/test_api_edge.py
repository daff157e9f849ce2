"""What every answer of the API has in common, who is let in, and what its document promises."""

import gzip
import socket
import subprocess
import sys
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import httpx

from tests.integration.api_process import REVIEW, Api, ready


def test_other_paths_and_methods_are_problems_too(api: Api) -> None:
    """Not found and not allowed are problem details, with the security headers of every answer."""
    answers = [api.client.get("/nowhere"), api.client.get("/api/v1/predict"), api.client.get("/")]

    assert [404, 405, 200] == [answer.status_code for answer in answers]
    assert "There is nothing at this address." in answers[0].text
    assert "This address takes POST only." in answers[1].text
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


def raw(api: Api, *pieces: bytes, pause: float = 0.0) -> bytes:
    """Send bytes as they are; return all that comes back until the service hangs up."""
    with socket.create_connection(("127.0.0.1", api.client.base_url.port or 0), 20) as line:
        with suppress(ConnectionError):
            for piece in pieces:
                line.sendall(piece)
                time.sleep(pause)
        answer = b""
        with suppress(ConnectionError):
            while part := line.recv(65_536):
                answer += part
        return answer


def test_head_is_a_get_without_a_body(api: Api) -> None:
    """Load balancers ask so."""
    for path in ("/", "/health/ready", "/api/v1/model", "/metrics"):
        answer = api.client.head(path)
        assert (200, b"") == (answer.status_code, answer.content)
    assert 405 == api.client.head("/api/v1/predict").status_code


def test_requests_without_end_are_bounded(folder: Path) -> None:
    """Headers that never end, in bytes or in time, and too many connections are refused."""
    begin = b"GET /health/live HTTP/1.1\r\nhost: a\r\n"
    with ready(folder, REVIEWS_API_TIMEOUT_SECONDS="1", REVIEWS_API_MAX_CONNECTIONS="40") as api:
        many = raw(api, begin, *(b"x-%d: %s\r\n" % (n, b"y" * 1_000) for n in range(5_000)))
        one = raw(api, begin + b"x: ", *(b"y" * 100_000 for _ in range(200)))
        address = raw(api, b"GET /", *(b"y" * 100_000 for _ in range(200)))
        slow = raw(api, begin)
        silent = raw(api)
        port = api.client.base_url.port or 0
        half_open = [socket.create_connection(("127.0.0.1", port)) for _ in range(120)]
        time.sleep(2.5)
        answered = httpx.get(f"http://127.0.0.1:{port}/health/live")
        for line in half_open:
            line.close()

    assert [431] * 3 == [int(found.split()[1]) for found in (many, one, address)]
    assert [408] * 2 == [int(found.split()[1]) for found in (slow, silent)]
    assert answered.is_success


def test_nothing_that_was_sent_comes_back(api: Api) -> None:
    """Neither names of unknown fields nor the content type are repeated."""
    secret = "s3cret-" * 100
    answers = [
        api.client.post("/api/v1/predict", json={secret: 1}),
        api.client.post("/api/v1/predict/batch", json={"reviews": [{secret: 1}], secret: 1}),
        api.client.post("/api/v1/predict", content=b"{}", headers={"content-type": secret}),
        api.client.post("/api/v1/feedback", json={"request_id": "a" * 8, secret: 1}),
        api.client.post("/api/v1/predict/batch", json={"reviews": [{secret: 1}]}),
    ]
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    zipped = api.client.post("/api/v1/predict", content=gzip.compress(b"{}"), headers=headers)

    assert [422, 422, 415, 422, 200] == [answer.status_code for answer in answers]
    assert all("s3cret" not in answer.text for answer in answers)
    assert (415, True) == (zipped.status_code, "without a Content-Encoding" in zipped.text)


def test_a_forwarded_address_counts_only_from_a_trusted_proxy(folder: Path) -> None:
    """Nobody evades the limit by a header; behind a proxy each caller has a bucket of its own."""
    for trusted, expected in (("", [200, 429, 429]), ("127.0.0.1", [200, 200, 429])):
        with ready(
            folder,
            REVIEWS_API_RATE="0.001",
            REVIEWS_API_BURST="1",
            REVIEWS_API_TRUSTED_PROXIES=trusted,
        ) as api:
            answers = [
                api.client.post("/api/v1/predict", json=REVIEW, headers={"x-forwarded-for": who})
                for who in ("10.0.0.1", "10.0.0.2", "10.0.0.1")
            ]
        assert expected == [answer.status_code for answer in answers]
