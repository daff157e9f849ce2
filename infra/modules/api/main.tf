# The API: on Fargate behind a load balancer with TLS. A new image is rolled out beside the old one, and taken back where
# its tasks do not become healthy or an alarm goes off.

data "aws_region" "here" {}

locals {
  port  = 8000
  waits = var.wait_until_steady && var.has_champion
  environment = merge(var.settings, {
    AWS_REGION                  = data.aws_region.here.name
    MLFLOW_TRACKING_URI         = var.mlflow_uri
    PASSWORD_VERSION            = tostring(var.password_version) # a new one starts the tasks anew
    REVIEWS_API_CACHE_DIR       = "/tmp/cache"
    REVIEWS_API_TRUSTED_PROXIES = join(",", var.balancer_ranges)
    REVIEWS_LOG_DIR             = "s3://${var.data_bucket}/${var.prefix}/predictions"
  })
  secrets = merge(
    {
      MLFLOW_TRACKING_USERNAME = "${var.mlflow_secret_arn}:username::"
      MLFLOW_TRACKING_PASSWORD = "${var.mlflow_secret_arn}:password::"
    },
    var.secrets,
  )
  secret_arns = distinct([for arn in values(local.secrets) : join(":", slice(split(":", arn), 0, 7))])
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.name}/api"
  retention_in_days = var.log_days
}

resource "aws_ecs_task_definition" "this" {
  family                   = "${var.name}-api"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.this["execution"].arn
  task_role_arn            = aws_iam_role.this["task"].arn
  skip_destroy             = true # what is rolled back to has to be there

  container_definitions = jsonencode([{
    name                   = "api"
    image                  = var.image
    essential              = true
    cpu                    = var.cpu
    memory                 = var.memory
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    stopTimeout            = 60
    linuxParameters        = { tmpfs = [{ containerPath = "/tmp", size = 128 }] }
    portMappings           = [{ containerPort = local.port, protocol = "tcp" }]
    environment            = [for name in sort(keys(local.environment)) : { name = name, value = local.environment[name] }]
    secrets                = [for name in sort(keys(local.secrets)) : { name = name, valueFrom = local.secrets[name] }]

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.here.name
        awslogs-stream-prefix = "api"
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  name                               = "${var.name}-api"
  cluster                            = var.cluster_arn
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = var.least
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 60
  wait_for_steady_state              = local.waits
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"

  capacity_provider_strategy {
    capacity_provider = var.capacity_provider
    weight            = 1
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  alarms {
    enable      = true
    rollback    = true
    alarm_names = [for alarm in aws_cloudwatch_metric_alarm.of_a_deployment : alarm.alarm_name]
  }

  network_configuration {
    subnets          = var.task_subnets
    security_groups  = [aws_security_group.this["tasks"].id]
    assign_public_ip = var.tasks_have_addresses
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.this.arn
    container_name   = "api"
    container_port   = local.port
  }

  lifecycle {
    ignore_changes = [desired_count] # scaled by itself

    postcondition {
      condition     = !local.waits || self.task_definition == aws_ecs_task_definition.this.arn
      error_message = "The new version was taken back: its tasks did not become healthy, or an alarm went off."
    }
  }

  depends_on = [aws_iam_role_policy.this, aws_lb_listener.https]
}
