"""Refuse images that do not say what is in them and how they were made.

Each has to be named by digest, and to bring an SBOM and a provenance for every platform, as
BuildKit keeps them: https://docs.docker.com/build/metadata/attestations/attestation-storage/
Exit code 4 names what lacks which.
"""

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from src.model import command
from src.model.command import Outcome, Result
from src.model.context import Context
from src.model.core.errors import DataError, GateError, UnreachableError, UsageError
from tools.infra.running import read_images

SBOM, PROVENANCE = "https://spdx.dev/Document", "https://slsa.dev/provenance/"
_NEEDED = {"SBOM": SBOM, "provenance": PROVENANCE}
_BY_DIGEST = re.compile(r"(?P<repository>[\w./:-]+)@sha256:[0-9a-f]{64}")
_KIND, _OF, _IS = "vnd.docker.reference.type", "vnd.docker.reference.digest", "attestation-manifest"
_PREDICATE = "in-toto.io/predicate-type"
Manifest = Mapping[str, Any]


class AttestedResult(Result):
    """The images that may be deployed."""

    images: Mapping[str, str]


def build_parser() -> argparse.ArgumentParser:
    parser = command.parser_for(__doc__, "attested", "tools.infra")
    parser.add_argument("--images", required=True, help="a file that make docker-push has written")
    parser.add_argument("--registry", default="", help="which all have to be of")
    return parser


def run(args: argparse.Namespace, _context: Context) -> Outcome:
    images = read_images(args.images)
    if not images:
        raise UsageError("images= has to name a file with images.")
    found = [f"{name}: {lack}" for name, image in images.items()
             for lack in elsewhere(name, image, args.registry) or lacks(image)]  # fmt: skip
    if found:
        hint = "make docker-push REGISTRY=… builds and pushes images that say both."
        raise GateError("; ".join(found), hint=hint)
    text = f"With SBOM and provenance: {', '.join(images)}."
    return Outcome(AttestedResult(images=images), text)


def elsewhere(name: str, image: str, registry: str) -> list[str]:
    """Return what is wrong with where an image is from, if its registry was said.

    >>> elsewhere("api", "r/tutoria-mlops-api@sha256:12", "r")
    []
    >>> elsewhere("api", "other/tutoria-mlops-api@sha256:12", "r")
    ['not of r/tutoria-mlops-api']
    """
    repository = f"{registry}/tutoria-mlops-{name}"
    wrong = registry and not image.startswith(f"{repository}@")
    return [f"not of {repository}"] if wrong else []


def lacks(image: str) -> list[str]:
    """Return what an image lacks, asking its registry.

    Raises:
        UnreachableError: the registry does not answer, or does not have it.
    """
    match = _BY_DIGEST.fullmatch(image)
    if not match:
        return ["not named by digest"]
    index = _manifest(image)
    attached = {
        one["digest"]: _manifest(f"{match['repository']}@{one['digest']}")
        for one in index.get("manifests", ())
        if _is_attestation(one)
    }
    return list(missing(index, attached))


def missing(index: Manifest, attached: Mapping[str, Manifest]) -> Iterator[str]:
    """Give what is missing of an image's index, by platform.

    Arguments:
        index: the manifest that the image's digest names.
        attached: digest -> manifest of each attestation in it.
    """
    platforms = [one for one in index.get("manifests", ()) if not _is_attestation(one)]
    if not platforms:
        yield "no SBOM and no provenance: it is one manifest, without an index"
    for one in platforms:
        predicates = [
            layer.get("annotations", {}).get(_PREDICATE, "")
            for other in index["manifests"]
            if _is_attestation(other) and other["annotations"].get(_OF) == one["digest"]
            for layer in attached[other["digest"]].get("layers", ())
        ]
        for name, kind in _NEEDED.items():
            if not any(predicate.startswith(kind) for predicate in predicates):
                yield f"no {name} for {_platform(one)}"


def _is_attestation(one: Manifest) -> bool:
    return bool(one.get("annotations", {}).get(_KIND) == _IS)


def _platform(one: Manifest) -> str:
    platform = one.get("platform", {})
    return f"{platform.get('os', '?')}/{platform.get('architecture', '?')}"


def _manifest(name: str) -> Manifest:
    try:
        done = subprocess.run(
            ["docker", "buildx", "imagetools", "inspect", "--raw", name],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnreachableError(f"docker buildx cannot be asked: {error}.") from error
    if done.returncode:
        hint = "Log in to the registry; make docker-push pushes what is missing."
        raise UnreachableError(f"{name} cannot be looked at: {done.stderr.strip()}", hint=hint)
    try:
        found: Manifest = json.loads(done.stdout)
    except ValueError as error:
        raise DataError(f"{name} has no manifest that can be read: {error}.") from error
    return found


def main() -> int:
    return command.main(build_parser(), run)


if __name__ == "__main__":
    sys.exit(main())
