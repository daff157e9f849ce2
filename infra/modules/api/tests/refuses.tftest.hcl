mock_provider "aws" {
  source          = "../../tests"
  override_during = plan
}

variables {
  name                 = "reviews-dev"
  boundary_arn         = "arn:aws:iam::123456789012:policy/reviews-boundary"
  image                = "r/api@sha256:0000000000000000000000000000000000000000000000000000000000000003"
  repository_arn       = "arn:aws:ecr:us-east-1:123456789012:repository/tutoria-mlops-api"
  certificate_arn      = "arn:aws:acm:us-east-1:123456789012:certificate/c"
  cluster_arn          = "arn:aws:ecs:us-east-1:123456789012:cluster/reviews-dev"
  capacity_provider    = "FARGATE"
  vpc_id               = "vpc-0"
  public_subnets       = ["subnet-0", "subnet-1"]
  task_subnets         = ["subnet-2", "subnet-3"]
  tasks_have_addresses = false
  balancer_ranges      = ["10.20.0.0/16"]
  data_bucket          = "reviews-dev-123456789012-data"
  logs_bucket          = "reviews-dev-123456789012-logs"
  mlflow_uri           = "http://mlflow.invalid"
  mlflow_secret_arn    = "arn:aws:secretsmanager:us-east-1:123456789012:secret:reviews-dev/mlflow/login-abcdef"
  alarm_topic_arn      = "arn:aws:sns:us-east-1:123456789012:reviews-dev-alarms"
  deletion_protection  = false
  least                = 1
  most                 = 2
}

run "taken_back" {
  command = plan

  assert {
    condition     = aws_ecs_service.this.deployment_circuit_breaker[0].rollback && aws_ecs_service.this.alarms[0].rollback
    error_message = "a bad image is taken back, by its tasks' health or by an alarm"
  }

  assert {
    condition     = aws_lb_target_group.this.health_check[0].path == "/health/ready" && aws_ecs_service.this.health_check_grace_period_seconds > 0
    error_message = "ready is what is asked for, and not at once"
  }

  assert {
    condition     = aws_lb_listener.http.default_action[0].type == "redirect" && aws_lb_listener.https.protocol == "HTTPS"
    error_message = "nobody is answered without TLS"
  }

  assert {
    condition     = length(aws_wafv2_web_acl.this) == 0
    error_message = "what costs is there only when it is asked for"
  }
}

run "by_tag" {
  command = plan

  variables {
    image = "r/api:1.0"
  }

  expect_failures = [var.image]
}

run "none_running" {
  command = plan

  variables {
    least = 0
  }

  expect_failures = [var.least]
}

run "fewer_at_most" {
  command = plan

  variables {
    least = 3
  }

  expect_failures = [var.most]
}

run "other_certificate" {
  command = plan

  variables {
    certificate_arn = "arn:aws:iam::123456789012:server-certificate/c"
  }

  expect_failures = [var.certificate_arn]
}

run "no_ranges" {
  command = plan

  variables {
    allowed_ranges = ["everybody"]
  }

  expect_failures = [var.allowed_ranges]
}

run "secret_as_a_setting" {
  command = plan

  variables {
    settings = { MLFLOW_TRACKING_PASSWORD = "0123" }
  }

  expect_failures = [var.settings]
}
