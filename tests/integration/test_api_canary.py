"""A challenger beside the champion: in its shadow, or in its place for a share of the reviews."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.integration.api_process import Api, model_of, probability_of, put_model, running
from tests.integration.processes import until

COUNT = 400
REVIEWS = [{"title": f"title {n}", "message": f"message {n}"} for n in range(COUNT)]


@pytest.fixture
def both(folder: Path) -> Path:
    """A folder with version 1 as the champion and version 2 as the challenger."""
    (folder / "model/challenger").mkdir()
    put_model(folder / "model/challenger", 2, "2")
    return folder


@contextmanager
def challenged(folder: Path, role: str, share: float) -> Iterator[Api]:
    """An API that has loaded champion and challenger."""
    with running(folder, REVIEWS_API_CHALLENGER=role, REVIEWS_API_CANARY_SHARE=str(share)) as api:
        until(lambda: api.is_ready() and api.client.get("/api/v1/model").json()["challenger"])
        yield api


def expected_of(version: str, review: dict[str, str]) -> float:
    return probability_of(model_of(int(version)), review["title"], review["message"])


def test_a_shadow_is_logged_and_never_served(both: Path) -> None:
    """The champion answers everything; what the challenger says of the same is a row of its own."""
    with challenged(both, "shadow", 0.5) as api:
        single = [api.predict(**review).json() for review in REVIEWS[:40]]
        batch = api.batch(REVIEWS[40:60]).json()
        until(lambda: len(api.rows()) == 120)
        rows, judged = api.rows(), api.metric("reviews_shadow_seconds_count")
        agreed = [
            api.metric("reviews_shadow_total", agreement=word) for word in ("agrees", "disagrees")
        ]
        digests = _digests(api)
    ids = [answer["request_id"] for answer in single]
    ids += [f"{batch['request_id']}.{n}" for n in range(20)]
    of = {(row["role"], row["request_id"]): row for row in rows}

    assert {"1"} == {answer["model"]["version"] for answer in single}
    assert ["1"] == [model["version"] for model in batch["models"]]
    assert {"1"} == {result["model_version"] for result in batch["results"]}
    assert set(of) == {(role, one) for role in ("champion", "shadow") for one in ids}
    for role, version in (("champion", "1"), ("shadow", "2")):
        mine = [of[role, one] for one in ids]
        assert {(version, digests[version])} == {(row["version"], row["digest"]) for row in mine}
        assert [expected_of(version, review) for review in REVIEWS[:60]] == [
            row["probability"] for row in mine
        ]
    agreeing = sum(of["champion", one]["label"] == of["shadow", one]["label"] for one in ids)
    assert [agreeing, 60 - agreeing] == agreed
    assert 60 == judged


def test_batches_honour_the_canarys_share(both: Path) -> None:
    """Of 400 reviews the canary answers its share, in batches the same ones as alone."""
    answered: dict[float, set[int]] = {}
    for share in (0.36, 0.37):
        with challenged(both, "canary", share) as api:
            before = len(api.rows())
            single = [api.predict(**review).json() for review in REVIEWS]
            batch = api.batch(REVIEWS).json()
            until(lambda api=api, before=before: len(api.rows()) == before + 2 * COUNT)  # type: ignore[misc]
            rows = {row["request_id"]: row for row in api.rows()}
            digests = _digests(api)
            counted = {
                (version, label): api.metric(
                    "reviews_predictions_total", version=version, label=label
                )
                for version in "12"
                for label in ("negative", "positive")
            }
        alone = [answer["model"]["version"] for answer in single]
        ids = [answer["request_id"] for answer in single]
        ids += [f"{batch['request_id']}.{n}" for n in range(COUNT)]
        answered[share] = {n for n, version in enumerate(alone) if version == "2"}

        assert alone == [result["model_version"] for result in batch["results"]]
        assert [answer["probability"] for answer in single] == [
            result["probability"] for result in batch["results"]
        ]
        assert [
            expected_of(version, review) for version, review in zip(alone, REVIEWS, strict=True)
        ] == [result["probability"] for result in batch["results"]]
        assert pytest.approx(share, abs=0.07) == len(answered[share]) / COUNT
        assert [("reviews", "1", "run1"), ("reviews", "2", "run2")] == sorted(
            (model["name"], model["version"], model["run_id"]) for model in batch["models"]
        )
        assert [_as_logged(version, digests) for version in alone * 2] == [
            {name: rows[one][name] for name in ("role", "model", "version", "digest")}
            for one in ids
        ]
        assert 2 * len(answered[share]) == counted["2", "negative"] + counted["2", "positive"]
        assert 2 * COUNT == sum(counted.values())

    # Who answers is a matter of the review alone, so a larger share adds reviews and takes none.
    assert answered[0.36] <= answered[0.37]


def _as_logged(version: str, digests: dict[str, str]) -> dict[str, str]:
    role = {"1": "champion", "2": "canary"}[version]
    return {"role": role, "model": "reviews", "version": version, "digest": digests[version]}


def _digests(api: Api) -> dict[str, str]:
    body = api.client.get("/api/v1/model").json()
    return {found["version"]: found["digest"] for found in (body, body["challenger"])}


@pytest.mark.parametrize(("share", "versions"), [(0.0, {"1"}), (1.0, {"2"})])
def test_no_share_and_the_whole(both: Path, share: float, versions: set[str]) -> None:
    """A share of 0 leaves all reviews to the champion, one of 1 gives all to the canary."""
    with challenged(both, "canary", share) as api:
        batch = api.batch(REVIEWS).json()
        alone = {api.predict(**review).json()["model"]["version"] for review in REVIEWS[:40]}

    assert versions == alone == {model["version"] for model in batch["models"]}
    assert versions == {result["model_version"] for result in batch["results"]}


def test_the_same_reviews_go_to_the_canary_every_time(both: Path) -> None:
    """Also after a restart: at half of them, a review is answered by the version as before."""
    turns = []
    for _ in range(2):
        with challenged(both, "canary", 0.5) as api:
            for _ in range(2):
                answers = [api.predict(title=f"t{n}").json() for n in range(40)]
                turns.append([answer["model"]["version"] for answer in answers])

    assert [turns[0]] * 4 == turns
    assert 8 <= turns[0].count("2") <= 32


def test_a_challenger_without_a_champion_is_no_model(both: Path) -> None:
    """Canary or not, nothing is answered before there is a champion: 503 as a problem."""
    (both / "model/model.json").rename(both / "away.json")
    with running(both, REVIEWS_API_CHALLENGER="canary", REVIEWS_API_CANARY_SHARE="1") as api:
        until(lambda: api.metric("reviews_model", slot="challenger", version="2") == 1)
        until(lambda: api.looks("absent") >= 2)
        asked = [api.client.get("/api/v1/model"), api.predict(), api.batch(REVIEWS[:3])]
        ready = api.client.get("/health/ready")
        (both / "away.json").rename(both / "model/model.json")
        until(api.is_ready)
        after = api.predict()

    for answer in asked:
        assert (503, "application/problem+json", "2") == (
            answer.status_code,
            answer.headers["content-type"],
            answer.headers["retry-after"],
        )
        assert {
            "type": "about:blank",
            "title": "Service Unavailable",
            "status": 503,
            "detail": f"No model is loaded yet. There is no model in {both / 'model'} yet: make "
            "model-export puts the champion there, and make demo makes one.",
            "request_id": answer.headers["x-request-id"],
        } == answer.json()
    assert (503, {"status": "not ready"}) == (ready.status_code, ready.json())
    assert (200, "2") == (after.status_code, after.json()["model"]["version"])


@pytest.mark.parametrize("role", ["off", "shadow", "canary"])
def test_what_is_said_of_the_models_is_as_documented(both: Path, role: str) -> None:
    """/api/v1/model has the names and types of `ModelOut` in the OpenAPI document."""
    with running(both, REVIEWS_API_CHALLENGER=role) as api:
        until(
            lambda: (
                api.is_ready()
                and (role == "off" or api.client.get("/api/v1/model").json()["challenger"])
            )
        )
        body = api.client.get("/api/v1/model").json()
        document = api.client.get("/openapi.json").json()
    schemas: dict[str, Any] = document["components"]["schemas"]
    of_model = {"$ref": "#/components/schemas/ModelOut", "components": document["components"]}

    Draft202012Validator.check_schema(of_model)
    Draft202012Validator(of_model).validate(body)
    assert set(schemas["ModelOut"]["properties"]) == set(body)
    assert ("reviews", "1", "run1", "folder", str(both / "model"), "f1", {"accuracy": 0.9}) == (
        tuple(
            body[name]
            for name in ("name", "version", "run_id", "alias", "source", "data_digest", "metrics")
        )
    )
    if role == "off":
        assert body["challenger"] is None
        return
    other = body["challenger"]
    assert set(schemas["ChallengerOut"]["properties"]) - {"challenger"} == set(other)
    assert (role, "2", "f2") == tuple(other[name] for name in ("role", "version", "data_digest"))
