output "vpc_id" {
  value = aws_vpc.this.id
}

output "public_subnets" {
  value = [for subnet in aws_subnet.public : subnet.id]
}

output "private_subnets" {
  value = [for subnet in aws_subnet.private : subnet.id]
}

output "task_subnets" {
  value = [for subnet in var.private_tasks ? aws_subnet.private : aws_subnet.public : subnet.id]
}

output "tasks_have_addresses" {
  description = "Whether a task is given a public address, for want of which it would reach nothing."
  value       = !var.private_tasks
}
