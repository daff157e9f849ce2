mock_provider "aws" {
  source          = "../../tests"
  override_during = plan
}

variables {
  name = "reviews-dev"
}

run "kept" {
  command = plan

  assert {
    condition     = alltrue([for bucket in aws_s3_bucket.this : bucket.force_destroy == false])
    error_message = "what is in a bucket is not deleted with it unless that is asked for"
  }

  assert {
    condition     = length(aws_s3_bucket_public_access_block.this) == 3 && length(aws_s3_bucket_policy.this) == 3
    error_message = "every bucket is closed, and over TLS alone"
  }
}

run "capitals" {
  command = plan

  variables {
    name = "Reviews"
  }

  expect_failures = [var.name]
}

run "no_days" {
  command = plan

  variables {
    log_days      = 0
    replaced_days = 0
  }

  expect_failures = [var.log_days, var.replaced_days]
}
