"""Who of GitHub gets which role, and what it may: asked of an account that enforces it."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.infra.account import Account, Keys, account, ending, needs_account, token
from tools.infra.stand_in import NUMBER
from tools.infra.terraform import Terraform

pytestmark = pytest.mark.slow
ROLES = ("plan", "images", "apply-dev", "apply-prod")
OURS = "repo:someone@1001/reviews@2002"
OLD = "repo:someone/reviews"


@pytest.fixture(scope="module")
def bootstrapped(
    terraform: Terraform, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Account]:
    needs_account()
    assert terraform, "where it is not, this is skipped too"
    with account(tmp_path_factory.mktemp("account")) as made:
        made.bootstrap()
        yield made


TOKENS: dict[str, tuple[dict[str, Any], str | None]] = {
    "pull request": ({"subject": f"{OURS}:pull_request"}, "plan"),
    "environment dev": ({"subject": f"{OURS}:environment:dev"}, "apply-dev"),
    "environment prod": ({"subject": f"{OURS}:environment:prod"}, "apply-prod"),
    "environment images": ({"subject": f"{OURS}:environment:images"}, "images"),
    "push to main": ({"subject": f"{OURS}:ref:refs/heads/main"}, None),
    "tag": ({"subject": f"{OURS}:ref:refs/tags/v1.0.0"}, None),
    "environment without protection": ({"subject": f"{OURS}:environment:production"}, None),
    "pull request of a fork": ({"subject": "repo:other@9/reviews@3003:pull_request"}, None),
    "other owner": ({"subject": "repo:other@9/reviews@3003:environment:prod"}, None),
    "other repository": ({"subject": "repo:someone@1001/else@2003:environment:prod"}, None),
    "taken over name": ({"subject": "repo:someone@7777/reviews@8888:environment:prod"}, None),
    "renamed repository": ({"subject": "repo:someone@1001/renamed@2002:environment:prod"}, None),
    "old form": ({"subject": f"{OLD}:environment:prod"}, None),
    "other letters": ({"subject": f"{OURS}:environment:PROD"}, None),
    "longer": ({"subject": f"{OURS}:environment:prod:job_workflow_ref:x"}, None),
    "wrong audience": ({"subject": f"{OURS}:environment:prod",
                        "audience": "https://github.com/someone"}, None),
    "other issuer": ({"subject": f"{OURS}:environment:prod", "issuer": "token.example.com"}, None),
    "no subject": ({"subject": None}, None),
}  # fmt: skip
"""A token's claims, and the one role that it takes."""


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_takes_its_role_and_no_other(bootstrapped: Account, name: str) -> None:
    claims, role = TOKENS[name]

    assert {role} - {None} == {
        one for one in ROLES if bootstrapped.taken(one, token(**claims)) is not None
    }


def taken(bootstrapped: Account, role: str, subject: str) -> Keys:
    keys = bootstrapped.taken(role, token(f"{OURS}:{subject}"))
    assert keys
    return keys


Asked = Callable[[Account, Keys], str]


def asks(service: str, call: str, **words: Any) -> Asked:
    """Say how a call of somebody ends."""
    return lambda made, keys: ending(getattr(made.client(service, keys), call), **words)


def trust() -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole",
                 "Principal": {"Service": "ecs-tasks.amazonaws.com"}}  # fmt: skip
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


STATE = f"reviews-{NUMBER}-state"
BOUNDARY = f"arn:aws:iam::{NUMBER}:policy/reviews-boundary-dev"
OF_DEV = "reviews-dev-new"
PUSH = {"repositoryName": "tutoria-mlops-api", "layerDigests": [f"sha256:{0:064d}"]}
MAY: Mapping[tuple[str, str], Mapping[str, Asked]] = {
    ("plan", "pull_request"): {
        "see clusters": asks("ecs", "list_clusters"),
        "see roles": asks("iam", "get_role", RoleName="reviews-github-plan"),
        "read dev's state": asks("s3", "get_object", Bucket=STATE, Key="dev/terraform.tfstate"),
    },
    ("images", "environment:images"): {
        "log in": asks("ecr", "get_authorization_token"),
        "push": asks("ecr", "batch_check_layer_availability", **PUSH),
    },
    ("apply-dev", "environment:dev"): {
        "see clusters": asks("ecs", "list_clusters"),
        "make a cluster": asks("ecs", "create_cluster", clusterName="reviews-dev"),
        "write dev's state": asks("s3", "put_object", Bucket=STATE, Key="dev/terraform.tfstate"),
        "make a role within the boundary": asks(
            "iam", "create_role", RoleName=OF_DEV, AssumeRolePolicyDocument=trust(),
            PermissionsBoundary=BOUNDARY,
        ),
        "make its bucket": asks("s3", "create_bucket", Bucket=f"reviews-dev-{NUMBER}-data"),
        "make its secret": asks("secretsmanager", "create_secret", Name="reviews-dev/mlflow",
                                SecretString="x"),
        "look at images": asks("ecr", "batch_get_image", repositoryName="tutoria-mlops-api",
                               imageIds=[{"imageTag": "1"}]),
    },
}  # fmt: skip
MAY_NOT: Mapping[tuple[str, str], Mapping[str, Asked]] = {
    ("plan", "pull_request"): {
        "write the state": asks("s3", "put_object", Bucket=STATE, Key="dev/terraform.tfstate"),
        "read other objects": asks("s3", "get_object", Bucket=STATE, Key="dev/other"),
        "read data": asks("s3", "get_object", Bucket=f"reviews-dev-{NUMBER}-data", Key="k"),
        "read a secret": asks("secretsmanager", "get_secret_value", SecretId="reviews-dev/mlflow"),
        "make a cluster": asks("ecs", "create_cluster", clusterName="reviews-dev"),
        "make a role": asks("iam", "create_role", RoleName=OF_DEV,
                            AssumeRolePolicyDocument=trust()),
        "push": asks("ecr", "initiate_layer_upload", repositoryName="tutoria-mlops-api"),
    },
    ("images", "environment:images"): {
        "push elsewhere": asks("ecr", "initiate_layer_upload", repositoryName="other"),
        "delete images": asks("ecr", "batch_delete_image", repositoryName="tutoria-mlops-api",
                              imageIds=[{"imageTag": "1"}]),
        "make tags change": asks("ecr", "put_image_tag_mutability",
                                 repositoryName="tutoria-mlops-api", imageTagMutability="MUTABLE"),
        "see clusters": asks("ecs", "list_clusters"),
        "read the state": asks("s3", "get_object", Bucket=STATE, Key="dev/terraform.tfstate"),
    },
    ("apply-dev", "environment:dev"): {
        "write prod's state": asks("s3", "put_object", Bucket=STATE, Key="prod/terraform.tfstate"),
        "read prod's state": asks("s3", "get_object", Bucket=STATE, Key="prod/terraform.tfstate"),
        "read prod's data": asks("s3", "get_object", Bucket=f"reviews-prod-{NUMBER}-data", Key="k"),
        "read prod's secret": asks("secretsmanager", "get_secret_value",
                                   SecretId="reviews-prod/mlflow"),
        "make a role without boundary": asks("iam", "create_role", RoleName=f"{OF_DEV}-2",
                                             AssumeRolePolicyDocument=trust()),
        "make a role within prod's boundary": asks(
            "iam", "create_role", RoleName=f"{OF_DEV}-3", AssumeRolePolicyDocument=trust(),
            PermissionsBoundary=BOUNDARY.replace("-dev", "-prod"),
        ),
        "make a role of prod": asks(
            "iam", "create_role", RoleName="reviews-prod-new", AssumeRolePolicyDocument=trust(),
            PermissionsBoundary=BOUNDARY,
        ),
        "take a boundary away": asks("iam", "delete_role_permissions_boundary", RoleName=OF_DEV),
        "change its own role": asks("iam", "put_role_policy", RoleName="reviews-github-apply-dev",
                                    PolicyName="apply-dev", PolicyDocument=trust()),
        "change who may take it": asks("iam", "update_assume_role_policy",
                                       RoleName="reviews-github-apply-dev",
                                       PolicyDocument=trust()),
        "change the boundary": asks("iam", "create_policy_version", PolicyArn=BOUNDARY,
                                    PolicyDocument=trust(), SetAsDefault=True),
        "make a user": asks("iam", "create_user", UserName="somebody"),
        "push images": asks("ecr", "initiate_layer_upload", repositoryName="tutoria-mlops-api"),
        "delete images": asks("ecr", "batch_delete_image", repositoryName="tutoria-mlops-api",
                              imageIds=[{"imageTag": "1"}]),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def furnished(bootstrapped: Account) -> Account:
    """The same, with what is asked for below: else nothing would be there to be denied."""
    s3, secrets = bootstrapped.client("s3"), bootstrapped.client("secretsmanager")
    for bucket, keys in {
        STATE: ("dev/terraform.tfstate", "dev/other", "prod/terraform.tfstate"),
        f"reviews-prod-{NUMBER}-data": ("k",),
    }.items():
        s3.create_bucket(Bucket=bucket)
        for key in keys:
            s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    secrets.create_secret(Name="reviews-prod/mlflow", SecretString="x")
    return bootstrapped


def cases(table: Mapping[tuple[str, str], Mapping[str, Asked]]) -> list[Any]:
    return [pytest.param(role, subject, ask, id=f"{role}: {name}")
            for (role, subject), asked in table.items() for name, ask in asked.items()]  # fmt: skip


@pytest.mark.parametrize(("role", "subject", "ask"), cases(MAY))
def test_what_a_role_may(furnished: Account, role: str, subject: str, ask: Asked) -> None:
    """It is done: what fails for any other reason fails here too."""
    assert ask(furnished, taken(furnished, role, subject)) == "done"


@pytest.mark.parametrize(("role", "subject", "ask"), cases(MAY_NOT))
def test_what_a_role_may_not(furnished: Account, role: str, subject: str, ask: Asked) -> None:
    assert ask(furnished, taken(furnished, role, subject)) == "denied"


def test_an_older_repository_has_the_old_form(bootstrapped: Account) -> None:
    """And then no token in the new form is let in; it is the last test, and changes the account."""
    bootstrapped.bootstrap(subject_has_numbers=False, owner_id="", repository_id="")
    old = {one for one in ROLES if bootstrapped.taken(one, token(f"{OLD}:environment:prod"))}
    new = {one for one in ROLES if bootstrapped.taken(one, token(f"{OURS}:environment:prod"))}

    assert ({"apply-prod"}, set[str]()) == (old, new)
