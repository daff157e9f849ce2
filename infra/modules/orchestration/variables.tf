variable "name" {
  type        = string
  description = "Project and environment."
}

variable "cluster_arn" {
  type        = string
  description = "Where tasks run."
}

variable "task_definitions" {
  type        = map(string)
  description = "ARN of each step's task definition."
}

variable "role_arns" {
  type        = list(string)
  description = "Roles of the tasks, and of what starts them."
}

variable "subnets" {
  type        = list(string)
  description = "Where tasks are."
}

variable "security_group" {
  type        = string
  description = "The tasks' security group."
}

variable "tasks_have_addresses" {
  type        = bool
  description = "Whether tasks get public addresses, as they must in public subnets."
}

variable "alarm_topic_arn" {
  type        = string
  description = "Who is told when a workflow fails for good."
}

variable "approval_topic_arn" {
  type        = string
  description = "Who is asked whether a version shall be promoted."
}

variable "switched_on" {
  type        = bool
  description = "Whether workflows start by themselves."
  default     = true
}

variable "log_days" {
  type        = number
  description = "How long the executions' log is kept, in days."
  default     = 90
}

variable "boundary_arn" {
  type        = string
  description = "Policy that says what roles made here can do at most."
}
