# MLflow's server: on Fargate behind an internal load balancer, runs and versions in Postgres, artifacts in S3 through the
# server alone. Whoever asks it has to log in. No password stands in Terraform's state, in a plan or in a task definition.

data "aws_region" "here" {}

locals {
  port = 5000
  uri  = "http://${aws_lb.this.dns_name}"
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.name}/mlflow"
  retention_in_days = var.log_days
}

resource "aws_ecs_task_definition" "this" {
  family                   = "${var.name}-mlflow"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.this["execution"].arn
  task_role_arn            = aws_iam_role.this["task"].arn
  skip_destroy             = true # what is rolled back to has to be there

  container_definitions = jsonencode([{
    name                   = "mlflow"
    image                  = var.image
    essential              = true
    cpu                    = var.cpu
    memory                 = var.memory
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    linuxParameters        = { tmpfs = [{ containerPath = "/tmp", size = 256 }] }
    portMappings           = [{ containerPort = local.port, protocol = "tcp" }]

    environment = [
      { name = "ALLOWED_HOSTS", value = aws_lb.this.dns_name },
      { name = "ARTIFACTS_DESTINATION", value = "s3://${var.artifacts_bucket}/mlflow" },
      { name = "AWS_DEFAULT_REGION", value = data.aws_region.here.name },
      { name = "PASSWORD_VERSION", value = tostring(var.password_version) }, # a new one starts the server anew
      { name = "BACKEND_STORE_URI", value = "postgresql+psycopg://mlflow@${aws_db_instance.this.address}/mlflow?sslmode=require" },
    ]

    secrets = [
      { name = "MLFLOW_AUTH_ADMIN_PASSWORD", valueFrom = "${local.secret_arns.login}:password::" },
      { name = "MLFLOW_ADMIN_USERNAME", valueFrom = "${local.secret_arns.login}:username::" },
      { name = "MLFLOW_FLASK_SERVER_SECRET_KEY", valueFrom = "${local.secret_arns.login}:key::" },
      { name = "PGPASSWORD", valueFrom = "${local.secret_arns.database}:password::" },
    ]

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.here.name
        awslogs-stream-prefix = "mlflow"
      }
    }
  }])
}

resource "aws_ecs_service" "this" {
  name                               = "${var.name}-mlflow"
  cluster                            = var.cluster_arn
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = 1
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 180 # its first start makes the tables
  wait_for_steady_state              = var.wait_until_steady
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

  network_configuration {
    subnets          = var.task_subnets
    security_groups  = [aws_security_group.this["server"].id]
    assign_public_ip = var.tasks_have_addresses
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.this.arn
    container_name   = "mlflow"
    container_port   = local.port
  }

  lifecycle {
    postcondition {
      condition     = !var.wait_until_steady || self.task_definition == aws_ecs_task_definition.this.arn
      error_message = "The new version was taken back: its tasks did not become healthy, or an alarm went off."
    }
  }

  depends_on = [aws_iam_role_policy.this, aws_lb_listener.this, aws_secretsmanager_secret_version.this]
}
