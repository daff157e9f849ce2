# A task definition for each step of the pipeline and of monitoring, and a role for each that may touch the step's folders
# and nothing else. jobs.json is written from the project's list of commands: make steps-render.

data "aws_region" "here" {}

locals {
  jobs    = jsondecode(file("${path.module}/jobs.json"))
  place   = "s3://${var.data_bucket}/${var.prefix}"
  objects = "arn:aws:s3:::${var.data_bucket}/${var.prefix}"

  environment = merge(var.settings, {
    AWS_REGION          = data.aws_region.here.name
    MLFLOW_TRACKING_URI = var.mlflow_uri
    REVIEWS_DATA_DIR    = local.place
    REVIEWS_LOG_DIR     = "${local.place}/predictions"
    REVIEWS_CACHE_DIR   = "/tmp/cache"
    REVIEWS_LOG_FORMAT  = "json" # alarms read it
    TMPDIR              = "/tmp"
  })

  mlflow_login = {
    MLFLOW_TRACKING_USERNAME = "${var.mlflow_secret_arn}:username::"
    MLFLOW_TRACKING_PASSWORD = "${var.mlflow_secret_arn}:password::"
  }
  secrets = { for name in keys(local.jobs) : name => merge(local.mlflow_login, lookup(var.secrets, name, {})) }

  # A secret's ARN, without the key that may follow it.
  secret_arns = distinct([
    for arn in flatten([for all in local.secrets : values(all)]) : join(":", slice(split(":", arn), 0, 7))
  ])
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.name}/jobs"
  retention_in_days = var.log_days
}

resource "aws_ecs_task_definition" "this" {
  for_each                 = local.jobs
  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = each.value.cpu
  memory                   = each.value.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task[each.key].arn
  skip_destroy             = true # a workflow that runs, and may wait for a person, goes on with those it began with

  container_definitions = jsonencode([{
    name        = "step"
    image       = var.images[each.value.image]
    command     = each.value.command
    essential   = true
    cpu         = each.value.cpu
    memory      = each.value.memory
    user        = "10001:10001"
    environment = [for name in sort(keys(local.environment)) : { name = name, value = local.environment[name] }]
    secrets     = [for name in sort(keys(local.secrets[each.key])) : { name = name, valueFrom = local.secrets[each.key][name] }]

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.here.name
        awslogs-stream-prefix = "step"
      }
    }
  }])

  tags = { Minutes = each.value.minutes } # its time limit, which the state machines hold
}
