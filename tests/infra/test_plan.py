"""What would be made, read from plans against moto: of both environments, and of bootstrap."""

import json
import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network
from typing import Any

import pytest

from src.orchestration.jobs import jobs
from tools.infra.stand_in import NUMBER
from tools.infra.terraform import ENVIRONMENTS, INFRA, Plan, Terraform, example

pytestmark = pytest.mark.slow
SECRETS = r"PASSWORD$|SECRET|TOKEN|_KEY$"
VALUES = example("dev")
IMAGES = tuple(VALUES["images"])


@pytest.fixture
def bootstrap(plans: Mapping[str, Plan]) -> Plan:
    return plans["bootstrap"]


@pytest.fixture(params=["dev", "prod"])
def plan(plans: Mapping[str, Plan], request: pytest.FixtureRequest) -> Plan:
    return plans[request.param]


def statements(policy: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(policy)["Statement"]
    return found


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_buckets_are_closed(plan: Plan) -> None:
    """Private, encrypted, versioned, owned by the account, over TLS alone, and with an end."""
    buckets = {one["bucket"] for one in plan.resources("aws_s3_bucket").values()}

    assert {f"reviews-{place}-{NUMBER}-{what}" for place in ("dev", "prod")
            for what in ("data", "artifacts", "logs")} >= buckets  # fmt: skip
    assert 3 == len(buckets)
    for one in plan.resources("aws_s3_bucket_public_access_block").values():
        assert {one[name] for name in one if name.startswith(("block", "ignore", "restr"))} == {
            True
        }
    for kind in ("public_access_block", "ownership_controls", "versioning", "policy",
                 "lifecycle_configuration", "server_side_encryption_configuration"):  # fmt: skip
        assert 3 == len(plan.resources(f"aws_s3_bucket_{kind}")), kind
    for one in plan.resources("aws_s3_bucket_policy").values():
        (deny, *_) = statements(one["policy"])
        assert ("Deny", "s3:*") == (deny["Effect"], deny["Action"])
        assert {"Bool": {"aws:SecureTransport": "false"}} == deny["Condition"]
    for one in plan.resources("aws_s3_bucket_versioning").values():
        assert "Enabled" == one["versioning_configuration"][0]["status"]


def test_each_step_has_its_task_and_its_folders(plan: Plan) -> None:
    """As the list of commands says: command, memory, processors, time, and what it touches."""
    definitions = {one["family"]: one for one in plan.resources("aws_ecs_task_definition").values()}
    roles = {
        address.partition('["')[2].rstrip('"]'): one["policy"]
        for address, one in plan.resources("aws_iam_role_policy").items()
        if ".module.jobs.aws_iam_role_policy.task" in address
    }
    assert set(jobs()) == set(roles)
    for name, job in jobs().items():
        (family,) = [one for one in definitions if one.endswith(f"-{name}")]
        one = definitions[family]
        assert (str(job["cpu"]), str(job["memory"])) == (one["cpu"], one["memory"])
        assert str(job["minutes"]) == one["tags"]["Minutes"]
        sees, reads, *writes = statements(roles[name])
        assert "s3:ListBucket" == sees["Action"]
        assert "s3:GetObject" == reads["Action"]
        assert {*job["reads"], *job["writes"]} == set(folders(reads))
        assert [job["writes"]] * bool(job["writes"]) == [sorted(folders(one)) for one in writes]
        assert job["removes"] == any("s3:DeleteObject" in one["Action"] for one in writes)


def folders(statement: Mapping[str, Any]) -> Iterator[str]:
    for place in listed(statement["Resource"]):
        assert place.startswith("arn:aws:s3:::reviews-"), place
        bucket, prefix, folder, star = place.removeprefix("arn:aws:s3:::").split("/")
        assert (bucket.endswith("-data"), prefix, star) == (True, "reviews", "*"), place
        yield folder


def test_texts_are_of_letters_that_aws_takes(plan: Plan, bootstrap: Plan) -> None:
    """Neither plans nor stand-ins for AWS refuse others; AWS does, when it makes them.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/tagging-managing.html
    """
    described = {
        address: text
        for address, text in plan.texts("description")
        if ".aws_security_group" in address or ".aws_vpc_security_group" in address
    }
    tags = [*plan.tags(), *bootstrap.tags()]

    assert len(described) >= 20
    assert len(tags) >= 100
    for address, text in described.items():
        assert re.fullmatch(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{1,255}", text), address
    for address, text in tags:
        assert re.fullmatch(r"[\w .:/=+\-@]{0,256}", text), (address, text)


def test_nothing_is_open_but_the_door(plan: Plan) -> None:
    """From outside only the API's load balancer can be reached, and there only TLS answers."""
    rules = plan.resources("aws_vpc_security_group_ingress_rule")
    inside = IPv4Network("10.0.0.0/8")
    world = {
        address: one
        for address, one in rules.items()
        if one["cidr_ipv6"]
        or (one["cidr_ipv4"] and not IPv4Network(one["cidr_ipv4"]).subnet_of(inside))
    }
    assert not any(one.get("ingress") for one in plan.resources("aws_security_group").values()), (
        "rules are resources of their own"
    )

    assert {80, 443} == {one["from_port"] for one in world.values()}
    assert all(".module.api.aws_vpc_security_group_ingress_rule.world" in one for one in world)
    (https,) = [one for one in plan.resources("aws_lb_listener").values() if one["port"] == 443]
    assert ("HTTPS", True) == (https["protocol"], "TLS13" in https["ssl_policy"])
    (public,) = [one for one in plan.resources("aws_lb").values() if not one["internal"]]
    assert public["name"].endswith("-api")
    (http,) = [one for address, one in plan.resources("aws_lb_listener").items()
               if address.endswith("module.api.aws_lb_listener.http")]  # fmt: skip
    assert ("redirect", "HTTPS") == (
        http["default_action"][0]["type"], http["default_action"][0]["redirect"][0]["protocol"]
    )  # fmt: skip
    assert all(one["drop_invalid_header_fields"] for one in plan.resources("aws_lb").values())


def test_services_are_rolled_out_with_care(plan: Plan) -> None:
    """Broken deployments are taken back; health is asked where the programs tell it."""
    services = plan.resources("aws_ecs_service")
    assert 2 == len(services)
    for one in services.values():
        assert {"enable": True, "rollback": True} == one["deployment_circuit_breaker"][0]
        assert one["health_check_grace_period_seconds"] >= 60
        assert 100 == one["deployment_minimum_healthy_percent"]
    (api,) = [one for one in services.values() if one["name"].endswith("-api")]
    assert {"enable": True, "rollback": True} == {
        name: api["alarms"][0][name] for name in ("enable", "rollback")
    }
    assert 2 == len(api["alarms"][0]["alarm_names"])
    health = {one["name"].rpartition("-")[2]: one["health_check"][0]["path"]
              for one in plan.resources("aws_lb_target_group").values()}  # fmt: skip
    assert {"api": "/health/ready", "mlflow": "/health"} == health


def test_no_password_is_in_a_plan(plan: Plan) -> None:
    """What makes one is never shown; what takes one takes it where nothing keeps it."""
    (database,) = plan.resources("aws_db_instance").values()
    changes = {one["address"]: one["change"] for one in plan.shown["resource_changes"]}
    (made,) = [change for address, change in changes.items()
               if address.endswith('.aws_secretsmanager_secret_version.this["login"]')]  # fmt: skip

    assert database.get("password") is None
    assert not re.search(r'"[A-Za-z0-9]{40}"', json.dumps(plan.shown)), "as long as passwords are"
    assert "secret_string" not in made["after_unknown"] or not made["after"].get("secret_string")
    assert database["password_wo_version"] == made["after"]["secret_string_wo_version"] == 1
    assert (True, False) == (database["storage_encrypted"], database["publicly_accessible"])


def test_every_alarm_tells_somebody(plan: Plan) -> None:
    """An alarm without an action is none, and a topic that nobody hears is none."""
    alarms = plan.resources("aws_cloudwatch_metric_alarm")
    names = {one["alarm_name"].split("-", 2)[2] for one in alarms.values()}
    (name,) = {one["alarm_name"].split("-", 2)[1] for one in alarms.values()}

    assert {
        "api-errors", "api-latency", "drift", "harm", "no-champion", "mlflow", "database-storage",
        "failed-weekly-training", "failed-ingest", "failed-monitoring", "not-started-target",
        "not-started-invoca",
    } == names  # fmt: skip
    unknown = [change for change in plan.shown["resource_changes"]
               if change["type"] == "aws_cloudwatch_metric_alarm"
               and not change["change"]["after_unknown"].get("alarm_actions")]  # fmt: skip
    assert [] == unknown, "each goes to the topic, whose ARN is not known yet"
    (budget,) = plan.resources("aws_budgets_budget").values()
    assert {"ACTUAL", "FORECASTED"} == {one["notification_type"] for one in budget["notification"]}
    (told,) = budget["cost_filter"]
    assert ("TagKeyValue", f"user:Environment${name}") == (told["name"], told["values"][0])
    subscribed = plan.resources("aws_sns_topic_subscription").values()
    assert ["ana@example.com"] * 2 == [one["endpoint"] for one in subscribed]


def test_workflows_start_when_the_list_says(plan: Plan) -> None:
    schedules = plan.resources("aws_scheduler_schedule")
    found = {one["name"].split("-", 2)[2]: one for one in schedules.values()}

    assert {"weekly_training": "cron(0 9 ? * MON *)", "monitoring": "cron(0 6 * * ? *)"} == {
        name: one["schedule_expression"] for name, one in found.items()
    }
    assert {("UTC", "ENABLED")} == {
        (one["schedule_expression_timezone"], one["state"]) for one in found.values()
    }


def test_what_differs_between_environments(plans: Mapping[str, Plan]) -> None:
    """Prod cannot be deleted by mistake, has two of what may fail, and tasks without addresses."""
    found = {}
    for name in ("dev", "prod"):
        plan = plans[name]
        (database,) = plan.resources("aws_db_instance").values()
        found[name] = {
            "protected": database["deletion_protection"],
            "two databases": database["multi_az"],
            "balancers protected": {
                one["enable_deletion_protection"] for one in plan.resources("aws_lb").values()
            },
            "buckets may be emptied": {
                one["force_destroy"] for one in plan.resources("aws_s3_bucket").values()
            },
            "addresses": {
                one["network_configuration"][0]["assign_public_ip"]
                for one in plan.resources("aws_ecs_service").values()
            },
            "firewall": len(plan.resources("aws_wafv2_web_acl")),
            "nat": len(plan.resources("aws_nat_gateway")),
            "endpoints": len(plan.resources("aws_vpc_endpoint")),
            "least": {one["min_capacity"]
                      for one in plan.resources("aws_appautoscaling_target").values()},
        }  # fmt: skip

    assert {
        "protected": False, "two databases": False, "balancers protected": {False},
        "buckets may be emptied": {True}, "addresses": {True}, "firewall": 0, "nat": 0,
        "endpoints": 1, "least": {1},
    } == found["dev"]  # fmt: skip
    assert {
        "protected": True, "two databases": True, "balancers protected": {True},
        "buckets may be emptied": {False}, "addresses": {False}, "firewall": 1, "nat": 2,
        "endpoints": 5, "least": {2},
    } == found["prod"]  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "values", "said"),
    [
        ("envs/dev", {"region": "moon-1a"}, "region has to be one of AWS"),
        ("envs/dev", {"images": VALUES["images"] | {"api": "r/api:1.0"}}, "named by digest"),
        ("envs/dev", {"settings": {"KAGGLE_KEY": "0"}}, "secrets belong in `secrets`"),
        ("envs/dev", {"secrets": {"ingest": {"KAGGLE_KEY": "0"}}}, "never values"),
        ("envs/prod", {"api_least": 0}, "2 at least in prod"),
        ("envs/prod", {"boundary_arn": ""}, "ARN of a policy"),
        ("envs/prod", {"told": []}, "one mail address at least in prod"),
        ("envs/dev", {"allowed_ranges": ["::/0"]}, "ranges of IPv4"),
    ],
)
def test_what_cannot_be_right_is_refused(
    aws: Terraform, folder: str, values: dict[str, Any], said: str
) -> None:
    """With a sentence, before anything is made."""
    assert said in refused(aws, folder, VALUES | values)


def test_a_missing_variable_is_named(aws: Terraform) -> None:
    left = {name: value for name, value in VALUES.items() if name != "certificate_arn"}

    assert "No value for required variable" in refused(aws, "envs/dev", left)


def refused(aws: Terraform, folder: str, values: Mapping[str, Any]) -> str:
    done = aws.planned(folder, values)
    assert 0 != done.returncode, done.stdout
    return " ".join(done.stderr.replace("│", "").split())


def test_who_may_take_which_role(bootstrap: Plan) -> None:
    """One subject each, in full, for AWS's audience; nobody has a wildcard."""
    subject = "repo:someone@1001/reviews@2002"
    found = {}
    for one in bootstrap.resources("aws_iam_role").values():
        (statement,) = statements(one["assume_role_policy"])
        assert "sts:AssumeRoleWithWebIdentity" == statement["Action"]
        assert {"StringEquals"} == set(statement["Condition"])
        said = statement["Condition"]["StringEquals"]
        issuer = "token.actions.githubusercontent.com"
        assert {f"{issuer}:aud", f"{issuer}:sub"} == set(said)
        assert "sts.amazonaws.com" == said[f"{issuer}:aud"]
        found[one["name"]] = said[f"{issuer}:sub"]

    assert {
        "reviews-github-plan": f"{subject}:pull_request",
        "reviews-github-images": f"{subject}:environment:images",
        "reviews-github-apply-dev": f"{subject}:environment:dev",
        "reviews-github-apply-prod": f"{subject}:environment:prod",
    } == found


def test_every_role_has_the_boundary(plan: Plan) -> None:
    """None that is made here can do more than its environment's boundary says."""
    roles = plan.resources("aws_iam_role")

    assert len(roles) >= 20
    assert {VALUES["boundary_arn"]} == {one["permissions_boundary"] for one in roles.values()}


def test_a_tag_names_one_image_for_ever(bootstrap: Plan) -> None:
    """And each image is scanned as it comes."""
    repositories = bootstrap.resources("aws_ecr_repository").values()

    assert 5 == len(repositories)
    for one in repositories:
        scans = one["image_scanning_configuration"][0]["scan_on_push"]
        assert ("IMMUTABLE", True) == (one["image_tag_mutability"], scans)


def test_the_state_is_kept_well(bootstrap: Plan) -> None:
    """Closed, with earlier versions, over TLS alone, and changed by one at a time."""
    (versions,) = bootstrap.resources("aws_s3_bucket_versioning").values()
    (closed,) = bootstrap.resources("aws_s3_bucket_public_access_block").values()
    (policy,) = bootstrap.resources("aws_s3_bucket_policy").values()

    assert "Enabled" == versions["versioning_configuration"][0]["status"]
    assert all(closed[name] for name in closed if name.startswith(("block", "ignore", "restrict")))
    assert {"Bool": {"aws:SecureTransport": "false"}} == statements(policy["policy"])[0][
        "Condition"
    ]
    for name in ENVIRONMENTS:
        backend = (INFRA / "envs" / name / "backend.tf").read_text(encoding="utf-8")
        assert re.search(r"^ +use_lockfile += true$", backend, re.MULTILINE)
        assert re.search(r"^ +encrypt += true$", backend, re.MULTILINE)
        assert re.search(rf'^ +key += "{name}/terraform.tfstate"$', backend, re.MULTILINE)


def test_what_roles_of_github_may(bootstrap: Plan) -> None:
    """Plans read no data and no secret; each applies to its own; none may do more than services."""
    policies = {one["name"]: statements(one["policy"])
                for one in bootstrap.resources("aws_iam_role_policy").values()
                if one.get("policy")}  # fmt: skip
    assert {"plan", "apply-dev", "apply-prod"} == set(policies), "images: ARNs are not known yet"
    plan = policies["plan"]
    actions = [action for one in plan for action in listed(one["Action"])]
    verbs = {action.partition(":")[2] for action in actions}

    assert all(verb.startswith(("Describe", "Get", "List", "View", "Validate")) for verb in verbs)
    assert not {"secretsmanager:GetSecretValue", "s3:*", "s3:Get*"} & set(actions)
    (state,) = [one for one in plan if "s3:GetObject" in listed(one["Action"])]
    assert all(place.endswith("/terraform.tfstate") for place in listed(state["Resource"]))
    for name, own in policies.items():
        assert not any({"*", "iam:*"} & set(listed(one["Action"])) for one in own), name


@pytest.mark.parametrize(("place", "other"), [("dev", "prod"), ("prod", "dev")])
def test_an_environment_is_its_own(bootstrap: Plan, place: str, other: str) -> None:
    """What applies it may not touch another's, and makes roles that may not either."""
    policies = bootstrap.resources("aws_iam_role_policy").values()
    (own,) = [statements(one["policy"]) for one in policies if one["name"] == f"apply-{place}"]
    boundaries = bootstrap.resources("aws_iam_policy").values()
    name = f"reviews-boundary-{place}"
    (boundary,) = [statements(one["policy"]) for one in boundaries if one["name"] == name]
    by_name = {one["Sid"]: one for one in own}
    denied = by_name["NothingOfOthers"]
    makes = by_name["MakeItsRolesWithinTheBoundary"]

    assert f"-{other}" not in json.dumps([own, boundary])
    assert ("Deny", {"aws:ResourceTag/Environment": place}) == (
        denied["Effect"], denied["Condition"]["StringNotEquals"]
    )  # fmt: skip
    assert set(listed(by_name["MakeAndChange"]["Action"])) == set(listed(denied["Action"]))
    assert {
        "iam:PermissionsBoundary": f"arn:aws:iam::{NUMBER}:policy/reviews-boundary-{place}"
    } == makes["Condition"]["StringEquals"]
    assert not any(action.startswith("iam:") and action != "iam:PassRole"
                   for one in boundary for action in listed(one["Action"]))  # fmt: skip
    (state,) = [one for one in boundary if one["Effect"] == "Deny"]
    assert f"arn:aws:s3:::reviews-{NUMBER}-state/*" in listed(state["Resource"])


JOBS: dict[str, Any] = {
    "name": "reviews-dev", "data_bucket": "reviews-dev-data", "mlflow_uri": "http://mlflow.invalid",
    "mlflow_secret_arn": f"arn:aws:secretsmanager:us-east-1:{NUMBER}:secret:reviews-dev/mlflow-abc",
    "boundary_arn": VALUES["boundary_arn"], "images": {
        name: VALUES["images"][name] for name in ("model", "monitoring")
    }, "repository_arns": [VALUES["repositories"]["model"]], "secrets": VALUES["secrets"],
}  # fmt: skip


def test_containers_of_steps(aws: Terraform) -> None:
    """By digest, as nobody's user, the module of the step, and no secret as plain text."""
    containers = aws.plan("modules/jobs", JOBS).containers()

    assert {f"reviews-dev-{name}" for name in jobs()} == set(containers)
    for name, job in jobs().items():
        one = containers[f"reviews-dev-{name}"]
        assert (VALUES["images"][job["image"]], job["command"]) == (one["image"], one["command"])
        assert ("step", "10001:10001") == (one["name"], one["user"])
        said = {pair["name"]: pair["value"] for pair in one["environment"]}
        assert not [variable for variable in said if re.search(SECRETS, variable)]
        assert "s3://reviews-dev-data/reviews" == said["REVIEWS_DATA_DIR"]
        secret = {pair["name"]: pair["valueFrom"] for pair in one["secrets"]}
        assert all(arn.startswith("arn:aws:secretsmanager:") for arn in secret.values())
        assert ("KAGGLE_KEY" in secret) == (name == "ingest")


def test_the_container_of_the_api(aws: Terraform) -> None:
    """On a read-only root with a place for what it caches, and no secret as plain text."""
    common = {name: JOBS[name] for name in ("name", "data_bucket", "mlflow_uri", "boundary_arn",
                                            "mlflow_secret_arn")}  # fmt: skip
    plan = aws.plan("modules/api", common | {
        "image": VALUES["images"]["api"], "repository_arn": VALUES["repositories"]["api"],
        "certificate_arn": VALUES["certificate_arn"], "logs_bucket": "reviews-dev-logs",
        "cluster_arn": f"arn:aws:ecs:us-east-1:{NUMBER}:cluster/reviews-dev", "vpc_id": "vpc-0",
        "capacity_provider": "FARGATE", "public_subnets": ["subnet-0", "subnet-1"],
        "task_subnets": ["subnet-2"], "tasks_have_addresses": False, "least": 1, "most": 2,
        "balancer_ranges": ["10.20.0.0/16"], "deletion_protection": False,
        "alarm_topic_arn": f"arn:aws:sns:us-east-1:{NUMBER}:reviews-dev-alarms",
    })  # fmt: skip
    (one,) = plan.containers().values()

    assert (VALUES["images"]["api"], True) == (one["image"], one["readonlyRootFilesystem"])
    assert "10001:10001" == one["user"]
    assert ["/tmp"] == [place["containerPath"] for place in one["linuxParameters"]["tmpfs"]]
    assert not [pair for pair in one["environment"] if re.search(SECRETS, pair["name"])]
    assert 2 == len(one["secrets"])
