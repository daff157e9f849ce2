data "aws_iam_policy_document" "tasks_of_ecs" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "LogInToTheRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # it has no resource
  }

  statement {
    sid       = "FetchTheImage"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [var.repository_arn]
  }

  statement {
    sid       = "TakeOutput"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  statement {
    sid       = "HandOverSecrets"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = local.secret_arns
  }
}

data "aws_iam_policy_document" "task" {
  statement {
    sid       = "WriteThePredictionLog" # what is old goes by the bucket's life cycle
    actions   = ["s3:AbortMultipartUpload", "s3:PutObject"]
    resources = ["arn:aws:s3:::${var.data_bucket}/${var.prefix}/predictions/*"]
  }
}

locals {
  policies = {
    execution = data.aws_iam_policy_document.execution.json
    task      = data.aws_iam_policy_document.task.json
  }
}

resource "aws_iam_role" "this" {
  for_each             = toset(["execution", "task"])
  name                 = "${var.name}-api-${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.tasks_of_ecs.json
  permissions_boundary = var.boundary_arn
}

resource "aws_iam_role_policy" "this" {
  for_each = local.policies
  name     = each.key
  role     = aws_iam_role.this[each.key].id
  policy   = each.value
}
