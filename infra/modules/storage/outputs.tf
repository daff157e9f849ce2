output "names" {
  description = "Names of the buckets, by what they hold: data, artifacts, logs. Known before they are made, so that plans show policies."
  value       = local.names
}

output "logs_ready" {
  description = "The logs' bucket, once load balancers may write to it."
  value       = aws_s3_bucket_policy.this["logs"].bucket
}
