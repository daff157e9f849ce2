output "task_definitions" {
  description = "ARN of each step's task definition, with its revision."
  value       = { for name, definition in aws_ecs_task_definition.this : name => definition.arn }
}

output "role_arns" {
  description = "What whoever runs these tasks has to pass on."
  value       = concat([aws_iam_role.execution.arn], [for role in aws_iam_role.task : role.arn])
}

output "task_role_arns" {
  value = { for name, role in aws_iam_role.task : name => role.arn }
}

output "log_group" {
  value = aws_cloudwatch_log_group.this.name
}
