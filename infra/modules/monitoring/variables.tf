variable "name" {
  type        = string
  description = "Project and environment."
}

variable "environment" {
  type        = string
  description = "Value of the tag Environment, by which costs are told apart."
}

variable "alarm_topic_arn" {
  type        = string
  description = "Who is told."
}

variable "jobs_log_group" {
  type        = string
  description = "Where the daily check writes its log."
}

variable "api_balancer" {
  type        = string
  description = "The API's load balancer, as metrics call it."
}

variable "api_target_group" {
  type        = string
  description = "The API's target group, as metrics call it."
}

variable "mlflow_balancer" {
  type        = string
  description = "MLflow's load balancer, as metrics call it."
}

variable "mlflow_target_group" {
  type        = string
  description = "MLflow's target group, as metrics call it."
}

variable "database_id" {
  type        = string
  description = "MLflow's database."
}

variable "state_machines" {
  type        = map(string)
  description = "ARNs of the state machines by the names of their workflows."
}

variable "dollars_a_month" {
  type        = number
  description = "What all of the environment may cost in a month, USD."

  validation {
    condition     = var.dollars_a_month > 0
    error_message = "dollars_a_month has to be above 0."
  }
}
