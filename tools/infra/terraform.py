"""Terraform over a copy of infra/, asking what stands in for AWS or nobody."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.model.core.errors import UsageError

INFRA = Path(__file__).resolve().parents[2] / "infra"
EXAMPLE = INFRA / "example.tfvars.json"
ENVIRONMENTS = ("dev", "prod")
PROVIDER = "terraform-provider-aws_v5.*"
_MIRRORS = ("/opt", "/usr/share/terraform", "/usr/local/share/terraform", "~/.terraform.d/plugins")
_PROVIDER = 'provider "aws" {\n  s3_use_path_style = true\n  max_retries       = 2\n}\n'
NOT_COPIED = (".terraform*", "*.tfstate*", "terraform.tfvars*", "*.auto.tfvars*")
_NOT_OURS = ("AWS_", "TF_")
Resource = Mapping[str, Any]


def example(folder: str) -> dict[str, Any]:
    """Return values that a root folder can be planned with: of nobody's account."""
    if folder == "bootstrap":
        return {
            "region": "us-east-1", "owner": "someone", "owner_id": "1001",
            "repository": "reviews", "repository_id": "2002",
        }  # fmt: skip
    values: dict[str, Any] = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    return values


class TerraformError(UsageError):
    """Terraform has refused, or is not here; the message is what it says."""


def program() -> str:
    """Return where Terraform is.

    Raises:
        TerraformError: it is not installed.
    """
    found = shutil.which("terraform")
    if not found:
        hint = "Install Terraform 1.11 or newer: https://developer.hashicorp.com/terraform/install"
        raise TerraformError("terraform was not found.", hint=hint)
    return found


def mirror() -> Path | None:
    """Return the folder of providers on this machine, by the file that is needed of it."""
    for place in _MIRRORS:
        folder = Path(place).expanduser()
        found = next(folder.rglob(PROVIDER), None) if folder.is_dir() else None
        if found:
            return found.parents[5]  # below it: host, owner, provider, version, system
    return None


@dataclass
class Terraform:
    """Runs it in folders of a copy; each is set up once."""

    infra: Path
    variables: dict[str, str] = field(default_factory=dict)
    _ready: set[str] = field(default_factory=set)

    def run(self, folder: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of it in a folder, and return how that ended.

        Raises:
            TerraformError: the folder cannot be set up.
        """
        if folder not in self._ready:
            (self.infra / folder / "backend.tf").unlink(missing_ok=True)
            _succeeded(self._run(folder, "init", "-no-color", "-input=false"))
            self._ready.add(folder)
        return self._run(folder, *words)

    def _run(self, folder: str, *words: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items()
                 if not name.startswith(_NOT_OURS)}  # fmt: skip
        return subprocess.run(
            [program(), *words], cwd=self.infra / folder, env=clean | self.variables,
            capture_output=True, text=True, check=False, timeout=1800,
        )  # fmt: skip

    def plan(self, folder: str, variables: Mapping[str, Any]) -> "Plan":
        """Plan a folder.

        Raises:
            TerraformError: it is refused.
        """
        done = _succeeded(self.planned(folder, variables))
        shown = _succeeded(self.run(folder, "show", "-json", "p"))
        return Plan(json.loads(shown.stdout), done.stdout)

    def planned(
        self, folder: str, variables: Mapping[str, Any], *more: str
    ) -> subprocess.CompletedProcess[str]:
        """Plan a folder, and return how that ended; the plan is in its file `p`."""
        name = "zz_provider.tf" if folder.startswith("modules/") else "zz_override.tf"
        (self.infra / folder / name).write_text(_PROVIDER, encoding="utf-8")
        values = self.infra / folder / "values.json"
        values.write_text(json.dumps(variables), encoding="utf-8")
        words = ("-no-color", "-input=false", f"-var-file={values}", "-out=p")
        return self.run(folder, "plan", *words, *more)


def _succeeded(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    if done.returncode:
        raise TerraformError(done.stderr.strip())
    return done


@dataclass(frozen=True)
class Plan:
    """What would be made: `terraform show -json` of a plan, and what was said of it."""

    shown: Mapping[str, Any]
    text: str = ""

    def all(self) -> Iterator[Resource]:
        """Give every resource: `address`, `type`, `mode` and `values`."""
        yield from _all(self.shown["planned_values"]["root_module"])

    def resources(self, kind: str) -> dict[str, Resource]:
        """Return the values of all resources of a kind, by address."""
        return {one["address"]: one["values"] for one in self.all() if one["type"] == kind}

    def containers(self) -> dict[str, Any]:
        """Return the container of each task definition, by the definition's family."""
        found = {}
        for one in self.resources("aws_ecs_task_definition").values():
            (found[one["family"]],) = json.loads(one["container_definitions"])
        return found

    def texts(self, name: str) -> Iterator[tuple[str, str]]:
        """Give the address and the value of each resource that has a text of a name."""
        for one in self.all():
            if isinstance(value := one.get("values", {}).get(name), str):
                yield one["address"], value

    def tags(self) -> Iterator[tuple[str, str]]:
        """Give the address and the value of each tag."""
        for one in self.all():
            for value in (one.get("values", {}).get("tags_all") or {}).values():
                yield one["address"], value


def _all(module: Mapping[str, Any]) -> Iterator[Resource]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _all(child)


def copied(folder: Path, providers: Path | None) -> Terraform:
    """Copy infra/ into a folder, with settings that find providers on this machine."""
    infra = folder / "infra"
    shutil.copytree(INFRA, infra, ignore=shutil.ignore_patterns(*NOT_COPIED))
    variables = {"CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    if providers:
        settings = folder / "terraformrc"
        mirrored = f'filesystem_mirror {{ path = "{providers}" }}'
        settings.write_text(f"provider_installation {{\n  {mirrored}\n}}\n", encoding="utf-8")
        variables["TF_CLI_CONFIG_FILE"] = str(settings)
    return Terraform(infra, variables)
