data "aws_region" "here" {}

data "aws_caller_identity" "here" {}

locals {
  here   = "${data.aws_region.here.name}:${data.aws_caller_identity.here.account_id}"
  waited = "arn:aws:events:${local.here}:rule/StepFunctionsGetEventsForECSTaskRule"
}

data "aws_iam_policy_document" "trust" {
  for_each = toset(["states", "scheduler"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.value}.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
  }
}

resource "aws_iam_role" "this" {
  for_each             = local.workflows
  name                 = "${var.name}-${replace(each.key, "_", "-")}-states"
  assume_role_policy   = data.aws_iam_policy_document.trust["states"].json
  permissions_boundary = var.boundary_arn
}

data "aws_iam_policy_document" "this" {
  for_each = local.workflows

  statement {
    sid       = "RunItsTasks"
    actions   = ["ecs:RunTask"]
    resources = [for task in each.value.tasks : "${join(":", slice(split(":", var.task_definitions[task]), 0, 6))}:*"] # of any revision

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [var.cluster_arn]
    }
  }

  statement {
    sid       = "WatchAndEndThem"
    actions   = ["ecs:DescribeTasks", "ecs:StopTask"]
    resources = ["${replace(var.cluster_arn, ":cluster/", ":task/")}/*"]
  }

  statement {
    sid       = "GiveThemTheirRoles"
    actions   = ["iam:PassRole"]
    resources = var.role_arns

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }

  statement {
    sid       = "HearOfTheirEnds" # by the one rule that Step Functions keeps for all of its waiting
    actions   = ["events:DescribeRule", "events:PutRule", "events:PutTargets"]
    resources = [local.waited]
  }

  statement {
    sid       = "TellAndAsk"
    actions   = ["sns:Publish"]
    resources = distinct(concat([var.alarm_topic_arn], each.value.asks ? [var.approval_topic_arn] : []))
  }

  statement {
    sid = "WriteItsLog"
    actions = [
      "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
    ]
    resources = ["*"] # deliveries have no resource to name
  }

  dynamic "statement" {
    for_each = each.value.then == "" ? [] : [each.value.then]

    content {
      sid       = "StartWhatFollows"
      actions   = ["states:StartExecution"]
      resources = ["arn:aws:states:${local.here}:stateMachine:${var.name}-${statement.value}"]
    }
  }
}

resource "aws_iam_role_policy" "this" {
  for_each = local.workflows
  name     = "tasks"
  role     = aws_iam_role.this[each.key].id
  policy   = data.aws_iam_policy_document.this[each.key].json
}

resource "aws_iam_role" "schedules" {
  name                 = "${var.name}-schedules"
  assume_role_policy   = data.aws_iam_policy_document.trust["scheduler"].json
  permissions_boundary = var.boundary_arn
}

data "aws_iam_policy_document" "schedules" {
  statement {
    actions   = ["states:StartExecution"]
    resources = [for machine in local.machines : machine.arn]
  }
}

resource "aws_iam_role_policy" "schedules" {
  name   = "start"
  role   = aws_iam_role.schedules.id
  policy = data.aws_iam_policy_document.schedules.json
}
