variable "name" {
  type        = string
  description = "Project and environment."

  validation {
    condition     = length(var.name) <= 24
    error_message = "name may have 24 characters at most: load balancers' names have 32."
  }
}

variable "image" {
  type        = string
  description = "MLflow's image, by digest."

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image has to be named by digest, REPOSITORY@sha256:…"
  }
}

variable "repository_arn" {
  type        = string
  description = "The image's repository."
}

variable "cluster_arn" {
  type        = string
  description = "Where it runs."
}

variable "capacity_provider" {
  type        = string
  description = "FARGATE, or FARGATE_SPOT, which costs a third and may be taken away at two minutes' notice."

  validation {
    condition     = contains(["FARGATE", "FARGATE_SPOT"], var.capacity_provider)
    error_message = "capacity_provider has to be FARGATE or FARGATE_SPOT."
  }
}

variable "vpc_id" {
  type        = string
  description = "The network."
}

variable "private_subnets" {
  type        = list(string)
  description = "Where the database and the load balancer are."
}

variable "task_subnets" {
  type        = list(string)
  description = "Where the server is."
}

variable "tasks_have_addresses" {
  type        = bool
  description = "Whether the server gets a public address, as it must in a public subnet; nobody may connect to it there."
}

variable "artifacts_bucket" {
  type        = string
  description = "Bucket of models and plots."
}

variable "logs_bucket" {
  type        = string
  description = "Bucket of access logs."
}

variable "database_class" {
  type        = string
  description = "Kind of the database's machine."
  default     = "db.t4g.micro"

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.database_class))
    error_message = "database_class has to be one of RDS, such as db.t4g.micro."
  }
}

variable "two_databases" {
  type        = bool
  description = "Whether a second one in another zone takes over when the first fails."
}

variable "backup_days" {
  type        = number
  description = "For how many days the database can be set back."
  default     = 7

  validation {
    condition     = var.backup_days >= 1 && var.backup_days <= 35
    error_message = "backup_days has to be from 1 to 35."
  }
}

variable "deletion_protection" {
  type        = bool
  description = "Whether database and load balancer refuse to be deleted, and a last snapshot is kept."
}

variable "password_version" {
  type        = number
  description = "Raise it to give the database and MLflow's user new passwords."
  default     = 1
}

variable "cpu" {
  type        = number
  description = "Units of 1/1024 processor."
  default     = 512
}

variable "memory" {
  type        = number
  description = "MB, of which a quarter of a GB may be files that are on their way to S3."
  default     = 2048
}

variable "log_days" {
  type        = number
  description = "How long output is kept, in days."
  default     = 90
}

variable "wait_until_steady" {
  type        = bool
  description = "Whether apply waits until the service runs."
  default     = true
}

variable "boundary_arn" {
  type        = string
  description = "Policy that says what roles made here can do at most."
}
