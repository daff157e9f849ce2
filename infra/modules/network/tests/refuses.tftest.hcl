# Ranges and zones that cannot be right are refused; what a network has follows from two answers.

mock_provider "aws" {
  source          = "../../tests"
  override_during = plan
}

variables {
  name = "reviews-dev"
  cidr = "10.20.0.0/16"
}

run "private_by_default" {
  command = plan

  assert {
    condition     = length(aws_subnet.private) == 2 && length(aws_subnet.public) == 2
    error_message = "two zones have four subnets"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_vpc_endpoint.service) == 0
    error_message = "what costs is there only when it is asked for"
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.public : subnet.map_public_ip_on_launch == false])
    error_message = "an address is given where it is asked for, never by being there"
  }
}

run "with_nat" {
  command = plan

  variables {
    nat   = true
    zones = 3
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && length(aws_route.nat) == 3
    error_message = "each zone leaves through its own gateway"
  }
}

run "no_range" {
  command = plan

  variables {
    cidr = "10.20.0.0"
  }

  expect_failures = [var.cidr]
}

run "too_small" {
  command = plan

  variables {
    cidr = "10.20.0.0/24"
  }

  expect_failures = [var.cidr]
}

run "somebody_elses" {
  command = plan

  variables {
    cidr = "8.8.0.0/16"
  }

  expect_failures = [var.cidr]
}

run "one_zone" {
  command = plan

  variables {
    zones = 1
  }

  expect_failures = [var.zones]
}
