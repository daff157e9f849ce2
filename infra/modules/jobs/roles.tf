data "aws_iam_policy_document" "tasks_of_ecs" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

# What starts a task: fetches its image, hands over its secrets, takes its output.
resource "aws_iam_role" "execution" {
  name                 = "${var.name}-jobs-execution"
  assume_role_policy   = data.aws_iam_policy_document.tasks_of_ecs.json
  permissions_boundary = var.boundary_arn
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "LogInToTheRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"] # it has no resource
  }

  statement {
    sid       = "FetchImages"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = var.repository_arns
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

resource "aws_iam_role_policy" "execution" {
  name   = "start"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

# What a step may do itself.
resource "aws_iam_role" "task" {
  for_each             = local.jobs
  name                 = "${var.name}-${replace(each.key, "_", "-")}"
  assume_role_policy   = data.aws_iam_policy_document.tasks_of_ecs.json
  permissions_boundary = var.boundary_arn
}

data "aws_iam_policy_document" "task" {
  for_each = local.jobs

  statement {
    sid       = "SeeWhatIsThere"
    actions   = ["s3:ListBucket"]
    resources = ["arn:aws:s3:::${var.data_bucket}"] # of the whole bucket: else S3 answers 403 for what is not there, not 404
  }

  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = [for folder in sort(concat(each.value.reads, each.value.writes)) : "${local.objects}/${folder}/*"]
  }

  dynamic "statement" {
    for_each = length(each.value.writes) > 0 ? ["once"] : []

    content {
      sid       = "Write"
      actions   = concat(["s3:AbortMultipartUpload", "s3:PutObject"], each.value.removes ? ["s3:DeleteObject"] : [])
      resources = [for folder in each.value.writes : "${local.objects}/${folder}/*"]
    }
  }
}

resource "aws_iam_role_policy" "task" {
  for_each = local.jobs
  name     = "folders"
  role     = aws_iam_role.task[each.key].id
  policy   = data.aws_iam_policy_document.task[each.key].json
}
