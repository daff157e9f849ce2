output "api_address" {
  value = module.api.address
}

output "mlflow_uri" {
  value = module.tracking.uri
}

output "buckets" {
  value = module.storage.names
}

output "state_machines" {
  value = module.orchestration.arns
}

output "airflow" {
  description = "What Airflow needs to run the same tasks: WORKFLOW_ECS_…"
  value = {
    WORKFLOW_ECS_CLUSTER         = aws_ecs_cluster.this.name
    WORKFLOW_ECS_TASKS           = var.name
    WORKFLOW_ECS_SUBNETS         = join(",", module.network.task_subnets)
    WORKFLOW_ECS_SECURITY_GROUPS = aws_security_group.jobs.id
    WORKFLOW_ECS_PUBLIC_IP       = module.network.tasks_have_addresses ? "ENABLED" : "DISABLED"
    WORKFLOW_ECS_LOG_GROUP       = module.jobs.log_group
    WORKFLOW_ECS_LOG_PREFIX      = "step"
  }
}
