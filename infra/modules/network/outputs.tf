output "vpc_id" {
  value = aws_vpc.this.id
}

output "public_subnets" {
  value      = [for subnet in aws_subnet.public : subnet.id]
  depends_on = [aws_route.internet, aws_route_table_association.public]
}

output "private_subnets" {
  value = [for subnet in aws_subnet.private : subnet.id]
}

output "task_subnets" {
  value = [for subnet in var.private_tasks ? aws_subnet.private : aws_subnet.public : subnet.id]
  depends_on = [
    aws_route.internet, aws_route.nat, aws_route_table_association.private, aws_route_table_association.public,
    aws_vpc_endpoint.service, aws_vpc_endpoint.s3,
  ]
}

output "tasks_have_addresses" {
  description = "Whether a task is given a public address, for want of which it would reach nothing."
  value       = !var.private_tasks
}
