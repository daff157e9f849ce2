"""An account of AWS whose rights are enforced: MiniStack, with what bootstrap makes in it."""

import base64
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.docker.machines import CLOUD, REGION, emulator
from tools.infra.stand_in import NUMBER
from tools.infra.terraform import Terraform, copied, example, mirror

ISSUER = "token.actions.githubusercontent.com"
_ROLES = ("aws_iam_openid_connect_provider.github", "aws_iam_role_policy.github",
          "aws_iam_policy.boundary")  # fmt: skip
_DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "403")
Keys = Mapping[str, str]


def needs_account() -> None:
    """Skip where MiniStack is not installed."""
    if not CLOUD.exists():
        pytest.skip("no .venv-cloud; make infra-test makes it")


@dataclass(frozen=True)
class Account:
    """Where it is, and Terraform that makes things in it as its administrator."""

    address: str
    terraform: Terraform
    trail: Path

    def bootstrap(self, **changed: Any) -> None:
        """Make what GitHub's workflows take, and boundaries: all but the state's bucket."""
        self.made("bootstrap", example("bootstrap") | changed, _ROLES)

    def made(self, folder: str, values: Mapping[str, Any], targets: tuple[str, ...] = ()) -> None:
        """Apply a folder, or some of its resources with all that they need."""
        words = [f"-target={one}" for one in targets]
        done = self.terraform.planned(folder, values, *words)
        assert 0 == done.returncode, done.stderr
        done = self.terraform.run(folder, "apply", "-no-color", "-input=false", "p")
        assert 0 == done.returncode, done.stderr

    def client(self, service: str, keys: Keys | None = None) -> Any:
        """Return a client of somebody, or of the administrator."""
        said = keys or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        once = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
        return boto3.client(
            service, endpoint_url=self.address, region_name=REGION, config=once, **said
        )

    def taken(self, role: str, token: str) -> Keys | None:
        """Take a role of GitHub by a token, as its workflows do; None where that is denied."""
        sts = self.client("sts")
        arn = f"arn:aws:iam::{NUMBER}:role/reviews-github-{role}"
        try:
            answer = sts.assume_role_with_web_identity(
                RoleArn=arn, RoleSessionName="a-run", WebIdentityToken=token
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "AccessDenied":
                return None
            raise
        return _keys(answer["Credentials"])

    def asked(self, keys: Keys) -> list[dict[str, Any]]:
        """Return what somebody has asked for: `action`, `resource`, and whether it was allowed."""
        lines = map(json.loads, self.trail.read_text(encoding="utf-8").splitlines())
        return [line for line in lines if line["key"] == keys["aws_access_key_id"]]

    def as_task(self, role: str) -> Keys:
        """Return keys as a task of ECS has them by its role.

        ECS takes the role by its own name, which nobody else can speak in; here the administrator
        is let in beside it. What the role may is not changed by that.
        """
        iam = self.client("iam")
        document = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        (statement,) = document["Statement"]
        assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}, role
        statement["Principal"]["AWS"] = f"arn:aws:iam::{NUMBER}:root"
        iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(document))
        arn = f"arn:aws:iam::{NUMBER}:role/{role}"
        answer = self.client("sts").assume_role(RoleArn=arn, RoleSessionName="a-task")
        return _keys(answer["Credentials"])


def _keys(credentials: Mapping[str, str]) -> Keys:
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }


@contextmanager
def account(folder: Path) -> Iterator[Account]:
    """Start one; all that it is asked is allowed or denied by IAM."""
    trail = folder / "trail.jsonl"
    enforced = {"AUTH": "true", "MINISTACK_ACCOUNT_ID": NUMBER, "CLOUD_TRAIL": str(trail)}
    with emulator(folder, **enforced) as address:
        terraform = copied(folder, mirror())
        terraform.variables |= {
            "AWS_ENDPOINT_URL": address, "AWS_ACCESS_KEY_ID": "test", "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": "test",
        }  # fmt: skip
        yield Account(address, terraform, trail)


def token(subject: str | None, audience: str = "sts.amazonaws.com", issuer: str = ISSUER) -> str:
    """Return a token as GitHub makes them for a workflow's run; MiniStack asks for no signature."""
    claims = {"iss": f"https://{issuer}", "aud": audience} | ({"sub": subject} if subject else {})
    parts = [{"alg": "RS256", "typ": "JWT"}, claims]
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*texts, base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=")]).decode()


def ending(call: Any, **words: Any) -> str:
    """Say how a call ends: `done`, `denied`, or the code of its error."""
    try:
        call(**words)
    except ClientError as error:
        code = str(error.response["Error"]["Code"])
        return "denied" if code in _DENIED else code
    return "done"
