output "state_bucket" {
  description = "For terraform init -backend-config=bucket=…"
  value       = aws_s3_bucket.state.id
}

output "roles" {
  description = "ARNs for GitHub's variables, and which subject may take each."
  value       = { for name, role in aws_iam_role.github : name => { arn = role.arn, subject = local.subjects[name] } }
}

output "repositories" {
  description = "ARNs, for the environments."
  value       = module.registry.arns
}

output "repository_urls" {
  value = module.registry.urls
}

output "boundary_arns" {
  description = "For the environments: what their roles can do at most."
  value       = { for environment, policy in aws_iam_policy.boundary : environment => policy.arn }
}
