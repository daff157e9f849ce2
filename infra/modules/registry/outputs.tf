output "arns" {
  value = { for what, repository in aws_ecr_repository.this : what => repository.arn }
}

output "urls" {
  value = { for what, repository in aws_ecr_repository.this : what => repository.repository_url }
}
