output "api_address" {
  description = "Name of the API's load balancer: point a record of your domain at it."
  value       = module.system.api_address
}

output "mlflow_uri" {
  description = "MLflow, from inside of the network."
  value       = module.system.mlflow_uri
}

output "buckets" {
  value = module.system.buckets
}

output "state_machines" {
  value = module.system.state_machines
}

output "airflow" {
  description = "Variables for make airflow-up WORKFLOW_RUNNER=ecs."
  value       = module.system.airflow
}

output "images" {
  description = "What was applied last, for the way back."
  value       = terraform_data.applied.output
}
