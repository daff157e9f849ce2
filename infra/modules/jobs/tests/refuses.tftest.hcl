mock_provider "aws" {
  source          = "../../tests"
  override_during = plan
}

variables {
  name              = "reviews-dev"
  boundary_arn      = "arn:aws:iam::123456789012:policy/reviews-boundary"
  data_bucket       = "reviews-dev-123456789012-data"
  mlflow_uri        = "http://mlflow.invalid"
  mlflow_secret_arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:reviews-dev/mlflow/login-abcdef"
  repository_arns   = ["arn:aws:ecr:us-east-1:123456789012:repository/tutoria-mlops-model"]
  images = {
    model      = "r/model@sha256:0000000000000000000000000000000000000000000000000000000000000001"
    monitoring = "r/monitoring@sha256:0000000000000000000000000000000000000000000000000000000000000002"
  }
}

run "a_role_for_each" {
  command = plan

  assert {
    condition     = length(aws_iam_role.task) == length(local.jobs) && length(aws_ecs_task_definition.this) == length(local.jobs)
    error_message = "each step has a task definition and a role"
  }

  assert {
    condition     = length(local.secret_arns) == 1
    error_message = "one secret, whichever of its keys are handed over"
  }
}

run "secret_of_one_step" {
  command = plan

  variables {
    secrets = { ingest = { KAGGLE_KEY = "arn:aws:secretsmanager:us-east-1:123456789012:secret:kaggle-abcdef:key::" } }
  }

  assert {
    condition     = length(local.secret_arns) == 2 && !contains(keys(local.secrets["train"]), "KAGGLE_KEY")
    error_message = "only the step that needs it has it"
  }
}

run "by_tag" {
  command = plan

  variables {
    images = { model = "r/model:1.0", monitoring = "r/monitoring:latest" }
  }

  expect_failures = [var.images]
}

run "secret_as_a_setting" {
  command = plan

  variables {
    settings = { KAGGLE_KEY = "0123" }
  }

  expect_failures = [var.settings]
}

run "secret_by_value" {
  command = plan

  variables {
    secrets = { ingest = { KAGGLE_KEY = "0123" } }
  }

  expect_failures = [var.secrets]
}

run "prefix_of_two_words" {
  command = plan

  variables {
    prefix = "a/b"
  }

  expect_failures = [var.prefix]
}
