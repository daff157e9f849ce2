output "address" {
  description = "Name of the load balancer, for a record in DNS."
  value       = aws_lb.this.dns_name
}

output "service_name" {
  value = aws_ecs_service.this.name
}

output "tasks_security_group" {
  value = aws_security_group.this["tasks"].id
}

output "balancer_name" {
  description = "As metrics call it."
  value       = aws_lb.this.arn_suffix
}

output "target_group_name" {
  description = "As metrics call it."
  value       = aws_lb_target_group.this.arn_suffix
}

output "task_role_arn" {
  value = aws_iam_role.this["task"].arn
}
