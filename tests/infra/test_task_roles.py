"""What a step may on AWS: each runs as the role of its task, in an account that enforces it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from src.model import steps
from src.orchestration.jobs import jobs
from tests.conftest import Workspace
from tests.infra.account import Account, Keys, account, ending, needs_account
from tests.integration.a_week import A_WEEK, THE_NEXT
from tools.infra.stand_in import NUMBER
from tools.infra.terraform import Terraform, example

pytestmark = pytest.mark.slow
BUCKET = f"reviews-dev-{NUMBER}-data"
PLACE = f"arn:aws:s3:::{BUCKET}"
ABORTS, LISTS, REMOVES = "s3:AbortMultipartUpload", "s3:ListBucket", "s3:DeleteObject"
UNUSED = {
    **{(name, ABORTS): "only where a large file's upload is given up"
       for name, job in jobs().items() if job["writes"]},
    ("approve", LISTS): "without it S3 says 403 of what is not there, and not 404",
    ("retrain", LISTS): "the same",
    ("ingest", REMOVES): "only where other rows take the place of the first",
    ("split_batches", REMOVES): "the same",
    ("preprocess_batch", REMOVES): "only where rows came into a batch that was cleaned before",
    ("approve", REMOVES): "only where another promotion came first",
    ("promote", REMOVES): "the same",
}  # fmt: skip
"""What a policy allows and these two weeks do not ask for, with the reason."""


@pytest.fixture(scope="module")
def made(terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """An account with the roles of all tasks, and a bucket."""
    needs_account()
    assert terraform, "where it is not, this is skipped too"
    values = example("dev")
    with account(tmp_path_factory.mktemp("account")) as found:
        found.bootstrap()
        found.made("modules/jobs", {
            "name": "reviews-dev", "data_bucket": BUCKET, "mlflow_uri": "http://mlflow.invalid",
            "mlflow_secret_arn": "arn:aws:secretsmanager:us-east-1:1:secret:reviews-dev/mlflow-a",
            "boundary_arn": values["boundary_arn"],
            "images": {name: values["images"][name] for name in ("model", "monitoring")},
            "repository_arns": [values["repositories"]["model"]], "secrets": {},
        }, ("aws_iam_role_policy.task",))  # fmt: skip
        s3 = found.client("s3")
        for bucket in (BUCKET, ELSEWHERE["Bucket"]):
            s3.create_bucket(Bucket=bucket)
        s3.put_object(**ELSEWHERE, Body=b"x")
        yield found


@pytest.fixture(scope="module")
def keys(made: Account) -> Mapping[str, Keys]:
    return {name: made.as_task(f"reviews-dev-{name.replace('_', '-')}") for name in jobs()}


@pytest.mark.usefixtures("tracked")
def test_a_step_may_what_it_does(
    made: Account, keys: Mapping[str, Keys], workspace: Workspace
) -> None:
    """Two weeks: nothing that it asks for is denied, and what a policy allows was asked for."""
    workspace.set(
        AWS_ENDPOINT_URL=made.address, AWS_REGION="us-east-1", REVIEWS_BATCHES="3",
        REVIEWS_DATA_DIR=f"s3://{BUCKET}/reviews", REVIEWS_PROMOTE="approve",
        REVIEWS_LOG_DIR=f"s3://{BUCKET}/reviews/predictions",
    )  # fmt: skip
    for name, code, words in A_WEEK + THE_NEXT:
        workspace.set(**{variable.upper(): value for variable, value in keys[name].items()})
        result = workspace.run(steps.COMMANDS[name].module, *words)
        assert code == result.code, (name, result.err)

    unused = set()
    for name in jobs():
        asked = made.asked(keys[name])
        assert [] == [one for one in asked if not one["allowed"]], name
        assert asked, name
        used = {one["action"] for one in asked}
        unused |= {(name, action) for action in allowed(name) - used}
        assert used <= allowed(name), name
    assert set(UNUSED) == unused


def allowed(name: str) -> set[str]:
    """The actions of a task's policy; its folders are held against its requests elsewhere."""
    writes = {"s3:AbortMultipartUpload", "s3:PutObject"}
    removes = {"s3:DeleteObject"} if jobs()[name]["removes"] else set()
    return (
        {"s3:ListBucket", "s3:GetObject"} | removes | (writes if jobs()[name]["writes"] else set())
    )


ELSEWHERE: dict[str, Any] = {"Bucket": f"reviews-prod-{NUMBER}-data", "Key": "reviews/raw/x"}
TASK = {"cluster": "reviews-dev", "taskDefinition": "reviews-dev-train"}
NEIGHBOURS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("s3", "get_object", ELSEWHERE),
    ("s3", "put_object", ELSEWHERE),
    ("s3", "list_objects_v2", {"Bucket": ELSEWHERE["Bucket"]}),
    ("s3", "get_object", {"Bucket": BUCKET, "Key": "elsewhere/x"}),
    ("s3", "put_object", {"Bucket": BUCKET, "Key": "elsewhere/x"}),
    ("s3", "delete_object", {"Bucket": BUCKET, "Key": "elsewhere/x"}),
    ("s3", "delete_bucket", {"Bucket": BUCKET}),
    ("s3", "put_bucket_policy", {"Bucket": BUCKET, "Policy": "{}"}),
    ("s3", "get_bucket_policy", {"Bucket": BUCKET}),
    ("s3", "put_bucket_acl", {"Bucket": BUCKET, "ACL": "public-read"}),
    ("s3", "put_bucket_versioning", {"Bucket": BUCKET,
                                     "VersioningConfiguration": {"Status": "Suspended"}}),
    ("s3", "list_object_versions", {"Bucket": BUCKET}),
    ("s3", "list_buckets", {}),
    ("s3", "create_bucket", {"Bucket": "reviews-dev-mine"}),
    ("secretsmanager", "get_secret_value", {"SecretId": "reviews-dev/mlflow"}),
    ("secretsmanager", "list_secrets", {}),
    ("ecs", "run_task", TASK),
    ("ecs", "stop_task", {"cluster": "reviews-dev", "task": "t"}),
    ("states", "start_execution", {
        "stateMachineArn": f"arn:aws:states:us-east-1:{NUMBER}:stateMachine:reviews-dev-ingest"}),
    ("sns", "publish", {"TopicArn": f"arn:aws:sns:us-east-1:{NUMBER}:reviews-dev-alarms",
                        "Message": "x"}),
    ("sts", "assume_role", {"RoleArn": f"arn:aws:iam::{NUMBER}:role/reviews-github-apply-dev",
                            "RoleSessionName": "a-task"}),
    ("iam", "create_role", {"RoleName": "reviews-dev-x", "AssumeRolePolicyDocument": "{}"}),
    ("iam", "list_roles", {}),
    ("logs", "describe_log_groups", {}),
    ("ecr", "get_authorization_token", {}),
    ("rds", "describe_db_instances", {}),
)  # fmt: skip
SERVICES = {"states": "stepfunctions"}


@pytest.mark.parametrize("name", list(jobs()))
def test_a_step_may_nothing_beside_it(made: Account, keys: Mapping[str, Keys], name: str) -> None:
    """Not in another folder, bucket or service, and not with what is its own otherwise."""
    reads, writes = jobs()[name]["reads"], jobs()[name]["writes"]
    folders = {folder for job in jobs().values() for folder in (*job["reads"], *job["writes"])}
    own = made.client("s3", keys[name])
    others = [
        *(("s3", "get_object", {"Bucket": BUCKET, "Key": f"reviews/{folder}/x"})
          for folder in folders - {*reads, *writes}),
        *(("s3", "put_object", {"Bucket": BUCKET, "Key": f"reviews/{folder}/x"})
          for folder in folders - {*writes}),
    ]  # fmt: skip
    may = [
        (service, call, words)
        for service, call, words in (*NEIGHBOURS, *others)
        if ending(getattr(made.client(SERVICES.get(service, service), keys[name]), call),
                  **words) != "denied"
    ]  # fmt: skip

    assert [] == may
    assert "done" == ending(own.list_objects_v2, Bucket=BUCKET), "the keys are good"
