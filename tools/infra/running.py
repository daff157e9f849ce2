"""Terraform in a folder of infra/envs: with its state, its values, and advice where it refuses."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from src.model.core.errors import GateError, UsageError
from tools.infra.terraform import ENVIRONMENTS, INFRA, TerraformError, program

_TAKEN_BACK = "was taken back"


class TakenBackError(GateError):
    """The new version's tasks did not become healthy, and the one before serves."""


Images = Mapping[str, str]
"""Image -> REPOSITORY@sha256:…"""

_ADVICE = {
    "Error acquiring the state lock": (
        "Somebody else plans or applies it, or did so and was killed. Who, and since when, stands "
        "above. Wait for them; where nobody runs any more: "
        "terraform -chdir=infra/envs/{environment} force-unlock ID"
    ),
    "Failed to save state": (
        "The state could not be written and lies in infra/envs/{environment}/errored.tfstate. Log "
        "in again, then: terraform -chdir=infra/envs/{environment} state push errored.tfstate"
    ),
    "ExpiredToken": (
        "The credentials ended on the way. Log in again and run the same command: what was made "
        "until then is in the state, and the rest is made now."
    ),
    "No valid credential sources found": (
        "Log in first: aws sso login, or AWS_PROFILE= or the variables of a role."
    ),
    "No value for required variable": (
        "Put it into infra/envs/{environment}/terraform.tfvars.json; infra/example.tfvars.json "
        "shows all of them. Images come with images=FILE the first time."
    ),
    "deletion protection": (
        "It is protected on purpose. Set deletion_protection to false in "
        "infra/envs/{environment}/main.tf, apply, and destroy then."
    ),
    _TAKEN_BACK: (
        "The version before goes on to serve. See why its tasks ended: the log group "
        "/reviews-{environment}/api in CloudWatch."
    ),
}


def advice(said: str, environment: str) -> str:
    """Return what to do next, of what Terraform or AWS has said.

    >>> advice("Error: Error acquiring the state lock", "dev").split(".")[0]
    'Somebody else plans or applies it, or did so and was killed'
    >>> advice("Error: anything else", "dev")
    ''
    """
    text = " ".join(said.replace("│", " ").split())
    found = [words for sign, words in _ADVICE.items() if sign in text]
    return found[0].format(environment=environment) if found else ""


@dataclass(frozen=True)
class Environment:
    """One of infra/envs, whose state is in a bucket."""

    name: str
    bucket: str

    @property
    def folder(self) -> Path:
        return INFRA / "envs" / self.name

    def begin(self) -> None:
        """Set its folder up: providers and state."""
        self.run(
            "init", "-input=false", "-reconfigure", f"-backend-config=bucket={self.bucket}",
            f"-backend-config=region={_region()}",
        )  # fmt: skip

    def deployed(self) -> Images:
        """Return the images that were applied last, in the state; none where nothing was.

        An output would name those that an apply has failed with.
        """
        values = json.loads(self.asked("show", "-json")).get("values", {})
        resources = values.get("root_module", {}).get("resources", ())
        kept = [one["values"] for one in resources if one["address"] == "terraform_data.applied"]
        found: Images = kept[0]["output"] if kept else {}
        return found

    def asked(self, *words: str) -> str:
        """Return what Terraform answers to a question.

        Raises:
            TerraformError: it has refused.
        """
        done = subprocess.run(
            [program(), f"-chdir={self.folder}", *words],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise TerraformError(done.stderr.strip(), hint=advice(done.stderr, self.name))
        return done.stdout

    def change(self, *words: str, images: Images | None = None) -> None:
        """Run a command that takes values; those of INFRA_VALUES and the images come with it.

        Without images it takes those that run, so that what is planned changes none of them.
        """
        chosen = images or self.deployed()
        with _values_of_the_environment() as values:
            named = [f"-var=images={json.dumps(chosen)}"] if chosen else []
            self.run(*words, *values, *named)

    def run(self, *words: str) -> None:
        """Run Terraform, show all that it says, and add what to do next where that is known.

        Raises:
            TerraformError: it has refused.
            TakenBackError: what was rolled out did not become healthy.
        """
        with subprocess.Popen(
            [program(), f"-chdir={self.folder}", *words], stdout=sys.stderr,
            stderr=subprocess.PIPE, text=True, errors="replace",
        ) as running:  # fmt: skip
            assert running.stderr  # noqa: S101 - it is a pipe
            said: list[str] = []
            reader = threading.Thread(target=_passed_on, args=(running.stderr, said))
            reader.start()
            code = running.wait()
            reader.join()
        if code:
            text = "".join(said)
            kind = TakenBackError if _TAKEN_BACK in text else TerraformError
            hint = advice(text, self.name)
            raise kind(f"terraform {words[0]} has ended with {code}.", hint=hint)


def _region() -> str:
    """Return the region of the state's bucket, as AWS's own programs find it."""
    names = ("AWS_REGION", "AWS_DEFAULT_REGION")
    return next((os.environ[name] for name in names if os.environ.get(name)), "us-east-1")


def _passed_on(source: IO[str], said: list[str]) -> None:
    for line in source:
        said.append(line)
        sys.stderr.write(line)


@contextmanager
def _values_of_the_environment() -> Iterator[Sequence[str]]:
    """Give the words that hand INFRA_VALUES to Terraform: one JSON object, as in tfvars.json.

    Raises:
        UsageError: it is no JSON object.
    """
    text = os.environ.get("INFRA_VALUES", "")
    if not text:
        yield []
        return
    _object(text, "INFRA_VALUES")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "values.tfvars.json"
        path.write_text(text, encoding="utf-8")
        yield [f"-var-file={path}"]


def _object(text: str, name: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{name} is no JSON: {error}.") from error
    if not isinstance(found, dict):
        raise UsageError(f"{name} has to be one JSON object.")
    return found


def read_images(path: str) -> Images | None:
    """Read a file that `make docker-push` has written, or what it says; none where none is named.

    Raises:
        UsageError: it is missing, or is none.
    """
    if not path:
        return None
    try:
        text = path if path.startswith("{") else Path(path).read_text(encoding="utf-8")
    except OSError as error:
        hint = "make docker-push REGISTRY=… writes data/docker/images.json."
        raise UsageError(f"{path} cannot be read: {error.strerror}.", hint=hint) from error
    return {name: str(image) for name, image in _object(text, path).items()}


def environment(name: str, bucket: str) -> Environment:
    """Return an environment by its name.

    Raises:
        UsageError: there is none, or it was not said where its state is.
    """
    if name not in ENVIRONMENTS:
        said = f"{name!r} is none" if name else "none was named"
        raise UsageError(f"env= has to be {' or '.join(ENVIRONMENTS)}: {said}.")
    if not bucket:
        hint = "STATE_BUCKET=reviews-ACCOUNT-state; the output state_bucket of bootstrap."
        raise UsageError("Where the state is has to be said.", hint=hint)
    return Environment(name, bucket)
