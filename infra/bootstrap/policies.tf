# What each role may. Plans look, and read no object and no secret but Terraform's state; pushing pushes; applying may do
# what its environment is made of, but not to what is tagged as another's, with roles that can never do more than the
# environment's boundary. Two accounts hold environments apart better than any policy.

locals {
  reads = [
    "application-autoscaling:Describe*", "application-autoscaling:ListTagsForResource", "budgets:ListTagsForResource",
    "budgets:ViewBudget", "cloudwatch:DescribeAlarms", "cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource",
    "ec2:Describe*", "ecr:DescribeImages", "ecr:DescribeRepositories", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy",
    "ecr:ListTagsForResource", "ecs:Describe*", "ecs:List*", "elasticloadbalancing:Describe*", "iam:GetOpenIDConnectProvider",
    "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
    "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "logs:Describe*", "logs:ListTagsForResource", "rds:Describe*",
    "rds:ListTagsForResource", "s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "scheduler:GetSchedule",
    "scheduler:ListTagsForResource", "secretsmanager:DescribeSecret", "secretsmanager:GetRandomPassword",
    "secretsmanager:GetResourcePolicy", "secretsmanager:ListSecretVersionIds", "sns:Get*", "sns:ListTagsForResource",
    "states:DescribeStateMachine", "states:ListStateMachineVersions", "states:ListTagsForResource",
    "states:ValidateStateMachineDefinition", "wafv2:GetWebACL", "wafv2:GetWebACLForResource", "wafv2:ListTagsForResource",
  ]

  # Services that environments are made of. IAM and S3 are not among them: those rights are of one environment each.
  makes = [
    "application-autoscaling:*", "budgets:*", "cloudwatch:DeleteAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource",
    "cloudwatch:UntagResource", "ec2:*", "ecs:*", "elasticloadbalancing:*", "logs:*", "rds:*", "sns:*", "states:CreateStateMachine", "states:DeleteStateMachine", "states:TagResource",
    "states:UntagResource", "states:UpdateStateMachine", "wafv2:*",
  ]
}

data "aws_iam_policy_document" "plan" {
  statement {
    sid       = "SeeWhatThereIs"
    actions   = local.reads
    resources = ["*"] # it only looks
  }

  statement {
    sid       = "SeeItsBuckets"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::${local.name}-*"]
  }

  statement {
    sid       = "ReadTheState"
    actions   = ["s3:GetObject"]
    resources = [for environment in var.environments : "${local.state}/${environment}/terraform.tfstate"]
  }
}

data "aws_iam_policy_document" "images" {
  statement {
    sid       = "LogIn"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # it has no resource
  }

  statement {
    sid = "Push"
    actions = [
      "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
      "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
    ]
    resources = values(module.registry.arns)
  }
}

data "aws_iam_policy_document" "apply" {
  for_each = var.environments

  statement {
    sid       = "SeeWhatThereIs"
    actions   = local.reads
    resources = ["*"]
  }

  statement {
    sid       = "KeepTheState"
    actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
    resources = ["${local.state}/${each.value}/*"]
  }

  statement {
    sid       = "MakeAndChange"
    actions   = local.makes
    resources = ["*"] # much of it has no name before it is made

    condition {
      test     = "StringEquals"
      variable = "aws:RequestedRegion"
      values   = distinct([data.aws_region.here.name, "us-east-1"]) # budgets are of the one region only
    }
  }

  statement {
    sid       = "NothingOfOthers"
    effect    = "Deny"
    actions   = local.makes
    resources = ["*"]

    condition {
      test     = "StringNotEquals"
      variable = "aws:ResourceTag/Environment"
      values   = [each.value]
    }

    condition {
      test     = "Null"
      variable = "aws:ResourceTag/Environment"
      values   = ["false"]
    }
  }

  statement {
    sid       = "LogInToTheRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # it has no resource
  }

  statement {
    sid       = "SeeWhatImagesSayOfThemselves"
    actions   = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [for name in keys(module.registry.arns) : "arn:aws:ecr:${local.place}:repository/tutoria-mlops-${name}"]
  }

  statement {
    sid       = "SeeTheState"
    actions   = ["s3:ListBucket"]
    resources = [local.state]
  }

  statement {
    sid       = "PrivateNamesOfEndpoints"
    actions   = ["route53:AssociateVPCWithHostedZone", "route53:DisassociateVPCFromHostedZone"]
    resources = ["*"] # zones of AWS's own
  }

  statement {
    sid     = "ItsSchedulesAndItsDashboard" # they have no tags by which others' could be told
    actions = ["cloudwatch:DeleteDashboards", "cloudwatch:PutDashboard", "scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"]
    resources = [
      "arn:aws:cloudwatch::${local.account}:dashboard/${local.name}-${each.value}",
      "arn:aws:scheduler:${local.place}:schedule/default/${local.name}-${each.value}-*",
    ]
  }

  statement {
    sid       = "ItsBuckets"
    actions   = ["s3:*"]
    resources = ["arn:aws:s3:::${local.name}-${each.value}-*"]
  }

  statement {
    sid       = "ItsSecrets"
    actions   = ["secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue", "secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret", "secretsmanager:UpdateSecretVersionStage"] # the provider reads what it has written
    resources = ["arn:aws:secretsmanager:${local.place}:secret:${local.name}-${each.value}/*"]
  }

  statement {
    sid       = "MakeItsRolesWithinTheBoundary"
    actions   = ["iam:CreateRole", "iam:PutRolePermissionsBoundary"]
    resources = ["arn:aws:iam::${local.account}:role/${local.name}-${each.value}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [local.boundaries[each.value]]
    }
  }

  statement {
    sid       = "ChangeItsRoles"
    actions   = ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"]
    resources = ["arn:aws:iam::${local.account}:role/${local.name}-${each.value}-*"]
  }

  statement {
    sid       = "HandItsRolesToServices"
    actions   = ["iam:PassRole"]
    resources = ["arn:aws:iam::${local.account}:role/${local.name}-${each.value}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com", "scheduler.amazonaws.com", "states.amazonaws.com"]
    }
  }

  statement {
    sid       = "LetServicesMakeTheirOwn"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["arn:aws:iam::${local.account}:role/aws-service-role/*"]

    condition {
      test     = "StringEquals"
      variable = "iam:AWSServiceName"
      values   = ["ecs.amazonaws.com", "ecs.application-autoscaling.amazonaws.com", "elasticloadbalancing.amazonaws.com", "rds.amazonaws.com"]
    }
  }
}

# What roles of an environment can do at most, whatever their policies say: what its tasks and workflows do, with what is
# its own. No roles, no users, no networks; and never Terraform's state.
data "aws_iam_policy_document" "boundary" {
  for_each = var.environments

  statement {
    sid = "OfTheAccount"
    actions = [
      "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer",
      "events:DescribeRule", "events:PutRule", "events:PutTargets", "logs:CreateLogDelivery", "logs:DeleteLogDelivery",
      "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries",
      "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
    ]
    resources = ["*"]
  }

  statement {
    sid = "OfTheEnvironment"
    actions = [
      "ecs:DescribeTasks", "ecs:RunTask", "ecs:StopTask", "ecs:TagResource", "logs:CreateLogStream", "logs:PutLogEvents",
      "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:ListMultipartUploadParts",
      "s3:PutObject", "secretsmanager:GetSecretValue", "sns:Publish", "states:StartExecution",
    ]
    resources = concat([
      "arn:aws:ecs:${local.place}:task-definition/${local.name}-${each.value}-*",
      "arn:aws:ecs:${local.place}:task/${local.name}-${each.value}/*",
      "arn:aws:logs:${local.place}:log-group:/${local.name}-${each.value}/*",
      "arn:aws:s3:::${local.name}-${each.value}-*",
      "arn:aws:secretsmanager:${local.place}:secret:${local.name}-${each.value}/*",
      "arn:aws:sns:${local.place}:${local.name}-${each.value}-*",
      "arn:aws:states:${local.place}:stateMachine:${local.name}-${each.value}-*",
    ], lookup(var.more_secrets, each.value, []))
  }

  statement {
    sid       = "HandRolesToTasks"
    actions   = ["iam:PassRole"]
    resources = ["arn:aws:iam::${local.account}:role/${local.name}-${each.value}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  statement {
    sid       = "NeverTheState"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.state, "${local.state}/*"]
  }
}

resource "aws_iam_policy" "boundary" {
  for_each    = var.environments
  name        = reverse(split("/", local.boundaries[each.value]))[0]
  description = "What roles of ${each.value} can do at most"
  policy      = data.aws_iam_policy_document.boundary[each.value].json
}
