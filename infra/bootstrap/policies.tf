# What each role may. Plans read, and read no data and no secret; pushing pushes; applying may do what its environment is
# made of, with roles of its environment alone, none of which may ever do more than the boundary.

locals {
  reads = [
    "application-autoscaling:Describe*", "application-autoscaling:ListTagsForResource", "budgets:ListTagsForResource",
    "budgets:ViewBudget", "cloudwatch:DescribeAlarms", "cloudwatch:GetDashboard", "cloudwatch:ListTagsForResource",
    "ec2:Describe*", "ecr:DescribeImages", "ecr:DescribeRepositories", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy",
    "ecr:ListTagsForResource", "ecs:Describe*", "ecs:List*", "elasticloadbalancing:Describe*", "iam:GetOpenIDConnectProvider",
    "iam:GetPolicy", "iam:GetPolicyVersion", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
    "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "logs:Describe*", "logs:ListTagsForResource", "rds:Describe*",
    "rds:ListTagsForResource", "s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration",
    "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket", "scheduler:GetSchedule",
    "scheduler:ListTagsForResource", "secretsmanager:DescribeSecret", "secretsmanager:GetRandomPassword",
    "secretsmanager:GetResourcePolicy", "secretsmanager:ListSecretVersionIds", "sns:Get*", "sns:ListTagsForResource",
    "states:DescribeStateMachine", "states:ListStateMachineVersions", "states:ListTagsForResource",
    "states:ValidateStateMachineDefinition", "wafv2:GetWebACL", "wafv2:GetWebACLForResource", "wafv2:ListTagsForResource",
  ]

  # Services that environments are made of. IAM and S3 are not among them: those rights are of one environment each.
  makes = [
    "application-autoscaling:*", "budgets:*", "cloudwatch:*", "ec2:*", "ecs:*", "elasticloadbalancing:*", "logs:*", "rds:*",
    "scheduler:*", "sns:*", "states:*", "wafv2:*",
  ]
}

data "aws_iam_policy_document" "plan" {
  statement {
    sid       = "SeeWhatThereIs"
    actions   = local.reads
    resources = ["*"] # it only looks
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
    sid       = "ItsBuckets"
    actions   = ["s3:*"]
    resources = ["arn:aws:s3:::${var.name}-${each.value}-*"]
  }

  statement {
    sid       = "ItsSecrets"
    actions   = ["secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:PutSecretValue", "secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret"]
    resources = ["arn:aws:secretsmanager:${local.place}:secret:${var.name}-${each.value}/*"]
  }

  statement {
    sid       = "MakeItsRolesWithinTheBoundary"
    actions   = ["iam:CreateRole", "iam:PutRolePermissionsBoundary"]
    resources = ["arn:aws:iam::${local.account}:role/${var.name}-${each.value}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [local.boundary]
    }
  }

  statement {
    sid       = "ChangeItsRoles"
    actions   = ["iam:DeleteRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"]
    resources = ["arn:aws:iam::${local.account}:role/${var.name}-${each.value}-*"]
  }

  statement {
    sid       = "HandItsRolesToServices"
    actions   = ["iam:PassRole"]
    resources = ["arn:aws:iam::${local.account}:role/${var.name}-${each.value}-*"]

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

# What roles of environments can do at most, whatever their policies say: no roles, no users, no networks, no accounts.
data "aws_iam_policy_document" "boundary" {
  statement {
    sid = "AtMost"
    actions = [
      "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer",
      "ecs:DescribeTasks", "ecs:RunTask", "ecs:StopTask", "events:DescribeRule", "events:PutRule", "events:PutTargets",
      "logs:*", "s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:ListMultipartUploadParts",
      "s3:PutObject", "secretsmanager:GetSecretValue", "sns:Publish", "states:StartExecution",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "HandRolesToTasks"
    actions   = ["iam:PassRole"]
    resources = [for environment in var.environments : "arn:aws:iam::${local.account}:role/${var.name}-${environment}-*"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_policy" "boundary" {
  name        = reverse(split("/", local.boundary))[0]
  description = "What roles of environments can do at most"
  policy      = data.aws_iam_policy_document.boundary.json
}
