mock_provider "aws" {
  source          = "../../tests"
  override_during = plan
}

run "immutable" {
  command = plan

  assert {
    condition     = length(aws_ecr_repository.this) == 5 && alltrue([for one in aws_ecr_repository.this : one.image_tag_mutability == "IMMUTABLE"])
    error_message = "a tag names one image for ever"
  }
}

run "too_few" {
  command = plan

  variables {
    kept = 1
  }

  expect_failures = [var.kept]
}
