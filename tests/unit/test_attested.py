"""What an image says of itself: its index as BuildKit writes one."""

from typing import Any

import pytest

from tools.infra.attested import PROVENANCE, SBOM, lacks, missing

BOTH = (SBOM, f"{PROVENANCE}v1")


def index(*platforms: str) -> dict[str, Any]:
    """Of an image for some processors, with an attestation of each."""
    images = [
        {"digest": f"sha256:{name}", "platform": {"os": "linux", "architecture": name}}
        for name in platforms
    ]
    attestations = [
        {"digest": f"sha256:of-{name}", "platform": {"os": "unknown", "architecture": "unknown"},
         "annotations": {"vnd.docker.reference.type": "attestation-manifest",
                         "vnd.docker.reference.digest": f"sha256:{name}"}}
        for name in platforms
    ]  # fmt: skip
    return {"manifests": [*images, *attestations]}


def says(*predicates: str) -> dict[str, Any]:
    return {"layers": [{"annotations": {"in-toto.io/predicate-type": one}} for one in predicates]}


def test_an_image_that_says_both_lacks_nothing() -> None:
    attached = {"sha256:of-amd64": says(*BOTH), "sha256:of-arm64": says(*BOTH)}

    assert [] == list(missing(index("amd64", "arm64"), attached))


@pytest.mark.parametrize(
    ("said", "lack"),
    [((SBOM,), ["no provenance for linux/amd64"]), (BOTH[1:], ["no SBOM for linux/amd64"]),
     ((), ["no SBOM for linux/amd64", "no provenance for linux/amd64"]),
     (("https://example.com/Document",) * 2, ["no SBOM for linux/amd64",
                                              "no provenance for linux/amd64"])],
)  # fmt: skip
def test_what_is_missing_is_named(said: tuple[str, ...], lack: list[str]) -> None:
    assert lack == list(missing(index("amd64"), {"sha256:of-amd64": says(*said)}))


def test_one_platform_does_not_speak_for_another() -> None:
    found = index("amd64", "arm64")
    attached = {"sha256:of-amd64": says(*BOTH), "sha256:of-arm64": says()}

    assert ["no SBOM for linux/arm64", "no provenance for linux/arm64"] == list(
        missing(found, attached)
    )


def test_an_image_without_an_index_says_nothing() -> None:
    assert 1 == len(list(missing({"layers": [], "config": {}}, {})))


@pytest.mark.parametrize("name", ["r/api:1.0", "r/api", "r/api@sha256:12", ""])
def test_a_name_without_digest_is_none(name: str) -> None:
    """Nobody is asked: a tag can be another image by the time it is deployed."""
    assert ["not named by digest"] == lacks(name)
