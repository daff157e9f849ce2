mock_provider "aws" {
  source          = "../tests"
  override_during = plan
}

variables {
  region        = "us-east-1"
  owner         = "someone"
  repository    = "reviews"
  owner_id      = "1001"
  repository_id = "2002"
}

run "with_numbers" {
  command = plan

  assert {
    condition     = local.subjects["plan"] == "repo:someone@1001/reviews@2002:pull_request"
    error_message = "the owner's and the repository's numbers are part of the subject"
  }

  assert {
    condition     = toset(keys(local.subjects)) == toset(["plan", "images", "apply-dev", "apply-prod"])
    error_message = "one role for each purpose"
  }
}

run "older_repository" {
  command = plan

  variables {
    subject_has_numbers = false
    owner_id            = ""
    repository_id       = ""
  }

  assert {
    condition     = local.subjects["apply-prod"] == "repo:someone/reviews:environment:prod"
    error_message = "older repositories have no numbers"
  }
}

run "no_numbers" {
  command = plan

  variables {
    owner_id      = ""
    repository_id = "reviews"
  }

  expect_failures = [var.owner_id, var.repository_id]
}

run "wildcard" {
  command = plan

  variables {
    repository = "*"
  }

  expect_failures = [var.repository]
}

run "anybody" {
  command = plan

  variables {
    owner = "some*"
  }

  expect_failures = [var.owner]
}

run "wrong_region" {
  command = plan

  variables {
    region = "moon-1a"
  }

  expect_failures = [var.region]
}

run "environment_called_images" {
  command = plan

  variables {
    environments = ["images", "prod"]
  }

  expect_failures = [var.environments]
}
