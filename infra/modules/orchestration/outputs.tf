output "arns" {
  description = "State machines by the names of their workflows."
  value       = { for name, machine in local.machines : name => machine.arn }
}

output "schedules" {
  value = { for name, schedule in aws_scheduler_schedule.this : name => schedule.schedule_expression }
}
