output "uri" {
  description = "Address for MLFLOW_TRACKING_URI, from inside of the network."
  value       = local.uri
}

output "secret_arn" {
  description = "Secret with username and password."
  value       = local.secret_arns.login
}

output "balancer_security_group" {
  description = "Whom clients have to be allowed to ask, on port 80."
  value       = aws_security_group.this["balancer"].id
}

output "balancer_name" {
  description = "As metrics call it."
  value       = aws_lb.this.arn_suffix
}

output "target_group_name" {
  description = "As metrics call it."
  value       = aws_lb_target_group.this.arn_suffix
}

output "service_name" {
  value = aws_ecs_service.this.name
}

output "database_id" {
  value = aws_db_instance.this.identifier
}
