"""What the API answers to reviews: one, many, and odd ones."""

from typing import Any

import numpy as np
import pytest

from tests.integration.api_process import REVIEW, Api, model_of, probability_of


def test_a_prediction_is_the_classifiers(api: Api) -> None:
    """Label, confidence, probability and abstention are the model's, named with a request id."""
    expected = probability_of(model_of(1))
    answer = api.predict()
    body = answer.json()

    assert expected == body["probability"]
    assert ("positive" if expected >= 0.5 else "negative") == body["label"]
    assert max(expected, 1 - expected) == body["confidence"]
    assert (0.4 < expected < 0.6) == body["abstained"]
    assert {"name": "reviews", "version": "1", "run_id": "run1"} == body["model"]
    assert body["request_id"] == answer.headers["x-request-id"]


def test_an_explanation_on_request(api: Api) -> None:
    """Contributions with places, exact: their sum is the log-odds."""
    body = api.client.post("/api/v1/predict?explain=true", json=REVIEW).json()
    found = body["explanation"]
    total = found["intercept"] + sum(part["weight"] for part in found["contributions"])
    broke = next(part for part in found["contributions"] if part["ngram"] == "broke")
    place = broke["occurrences"][0]

    assert total == pytest.approx(np.log(body["probability"] / (1 - body["probability"])), abs=1e-6)
    assert found["exact"] is True
    assert ("title", "Broke") == (
        place["field"],
        found["title"][place["start"] : place["end"]],
    )


def test_a_batch_keeps_its_order_and_a_bad_review_fails_alone(api: Api) -> None:
    """A thousand at most; answers are those of single requests, each with its version."""
    reviews: list[Any] = [{"message": f"text {n}"} for n in range(300)]
    reviews[7], reviews[8], reviews[9] = {"message": ""}, "no object", {"title": "x" * 1_001}
    body = api.batch(reviews).json()
    expected = [
        probability_of(model_of(1), "", f"text {n}") if n not in {7, 8, 9} else None
        for n in range(300)
    ]
    single = api.client.post("/api/v1/predict", json=reviews[299]).json()
    too_many = api.batch([{"title": "x"}] * 1001)

    assert (300, 3) == (len(body["results"]), body["failed"])
    assert "both empty" in body["results"][7]["error"]
    assert "It must be a JSON object." in body["results"][8]["error"]
    assert "title: is longer than 1,000 characters" == body["results"][9]["error"]
    assert expected == [result.get("probability") for result in body["results"]]
    assert single["probability"] == body["results"][299]["probability"]
    assert [single["model"]] == body["models"]
    assert {"1"} == {result["model_version"] for result in body["results"] if "error" not in result}
    assert {"models", "request_id", "results", "failed"} == set(body)
    assert 422 == too_many.status_code


def test_a_batch_of_bad_reviews_names_no_model(api: Api) -> None:
    """Where no review can be judged, no model answered."""
    body = api.batch([{}, 5]).json()

    assert ([], 2) == (body["models"], body["failed"])


@pytest.mark.parametrize(
    ("content", "kind", "status", "said"),
    [
        (b'{"title": "", "message": " "}', "application/json", 422, "both empty: write something"),
        (b'{"title": "x", "stars": 5}', "application/json", 422, "A review has title and message"),
        (b'{"title": ', "application/json", 422, "The body is no JSON"),
        (b'{"title": 5}', "application/json", 422, "title: must be text"),
        (b"[" * 100_000, "application/json", (400, 422), ""),
        (b'{"title": "\xff"}', "application/json", (400, 422), ""),
        (b'{"title": "\\ud800"}', "application/json", 422, ""),
        (b"title=x", "application/x-www-form-urlencoded", 415, "must be application/json"),
        (b'{"title": "x"}', "", 415, "of no stated type"),
        (b"", "application/json", 422, "The body is empty. A review has title and message"),
        (b"[]", "application/json", 422, "It must be a JSON object. A review has title"),
        (b'{"message": "' + b"x " * 3_000_000 + b'"}', "application/json", 413, "larger than"),
        (
            b'{"message": "' + b"word " * 100_000 + b'"}',
            "application/json",
            422,
            "is longer than 50,000 characters",
        ),
        (b'{"title": "\\u0000", "message": "a\\u0000b"}', "application/json", 200, ""),
        (
            '{"title": "café ☕ \U0001f600", "message": "日本"}'.encode(),
            "application/json; charset=utf-8",
            200,
            "",
        ),
    ],
)
def test_odd_bodies(
    api: Api, content: bytes, kind: str, status: int | tuple[int, ...], said: str
) -> None:
    """Each gets its status, never a 5xx, and a problem that does not repeat what was sent."""
    headers = {"content-type": kind} if kind else {}
    answer = api.client.post("/api/v1/predict", content=content, headers=headers)

    assert answer.status_code in (status if isinstance(status, tuple) else (status,)), answer.text
    assert said in answer.text
    if answer.is_error:
        assert "application/problem+json" == answer.headers["content-type"]
        assert {"type", "title", "status", "detail", "request_id"} <= set(answer.json())
