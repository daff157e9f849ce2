# The workflows as state machines, and when they start. Definitions and times are written from the project's list of
# commands: make steps-render.

locals {
  folder    = "${path.module}/../../state_machines"
  workflows = jsondecode(file("${path.module}/workflows.json"))

  names = {
    cluster          = var.cluster_arn
    task_definition  = var.task_definitions
    subnets          = join(",", var.subnets)
    security_group   = var.security_group
    assign_public_ip = var.tasks_have_addresses ? "ENABLED" : "DISABLED"
    alarm_topic      = var.alarm_topic_arn
    approval_topic   = var.approval_topic_arn
  }
}

# A workflow that another one starts cannot be made by the same resource as that one: each would wait for the other.
resource "aws_sfn_state_machine" "last" {
  for_each   = { for name, workflow in local.workflows : name => workflow if workflow.then == "" }
  name       = "${var.name}-${each.key}"
  role_arn   = aws_iam_role.this[each.key].arn
  definition = templatefile("${local.folder}/${each.key}.asl.json", local.names)

  logging_configuration {
    level                  = "ALL"
    include_execution_data = false # with them would be the tokens of approvals
    log_destination        = "${aws_cloudwatch_log_group.this.arn}:*"
  }

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_sfn_state_machine" "first" {
  for_each = { for name, workflow in local.workflows : name => workflow if workflow.then != "" }
  name     = "${var.name}-${each.key}"
  role_arn = aws_iam_role.this[each.key].arn
  definition = templatefile("${local.folder}/${each.key}.asl.json", merge(local.names, {
    "${each.value.then}_arn" = aws_sfn_state_machine.last[each.value.then].arn
  }))

  logging_configuration {
    level                  = "ALL"
    include_execution_data = false # with them would be the tokens of approvals
    log_destination        = "${aws_cloudwatch_log_group.this.arn}:*"
  }

  depends_on = [aws_iam_role_policy.this]
}

locals {
  machines = merge(aws_sfn_state_machine.last, aws_sfn_state_machine.first)
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/vendedlogs/states/${var.name}"
  retention_in_days = var.log_days
}

resource "aws_scheduler_schedule" "this" {
  for_each                     = { for name, workflow in local.workflows : name => workflow.schedule if workflow.schedule != "" }
  name                         = "${var.name}-${each.key}"
  schedule_expression          = each.value
  schedule_expression_timezone = "UTC"
  state                        = var.switched_on ? "ENABLED" : "DISABLED"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = local.machines[each.key].arn
    role_arn = aws_iam_role.schedules.arn
    input    = "{}"

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 5
    }
  }
}
