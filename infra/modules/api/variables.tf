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
  description = "The API's image, by digest."

  validation {
    condition     = can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image has to be named by digest, REPOSITORY@sha256:…"
  }
}

variable "repository_arn" {
  type        = string
  description = "The image's repository."
}

variable "certificate_arn" {
  type        = string
  description = "Certificate of ACM for the name that the API is called by."

  validation {
    condition     = can(regex("^arn:aws:acm:[a-z0-9-]+:[0-9]{12}:certificate/.+$", var.certificate_arn))
    error_message = "certificate_arn has to be the ARN of a certificate of ACM."
  }
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

variable "public_subnets" {
  type        = list(string)
  description = "Where the load balancer is."
}

variable "task_subnets" {
  type        = list(string)
  description = "Where the tasks are."
}

variable "tasks_have_addresses" {
  type        = bool
  description = "Whether tasks get public addresses, as they must in public subnets; nobody may connect to them there."
}

variable "balancer_ranges" {
  type        = list(string)
  description = "Ranges of the load balancer's own addresses, whose X-Forwarded-For is believed."
}

variable "allowed_ranges" {
  type        = set(string)
  description = "Who may ask."
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for range in var.allowed_ranges : can(cidrnetmask(range))])
    error_message = "allowed_ranges has to be of ranges of IPv4, such as 203.0.113.0/24."
  }
}

variable "data_bucket" {
  type        = string
  description = "Bucket of the prediction log."
}

variable "prefix" {
  type        = string
  description = "Where in the bucket the data are."
  default     = "reviews"
}

variable "logs_bucket" {
  type        = string
  description = "Bucket of access logs."
}

variable "mlflow_uri" {
  type        = string
  description = "Address of MLflow's server, of which it serves the champion."
}

variable "mlflow_secret_arn" {
  type        = string
  description = "Secret with username and password of who logs in there."
}

variable "alarm_topic_arn" {
  type        = string
  description = "Who is told."
}

variable "settings" {
  type        = map(string)
  description = "More settings, REVIEWS_…"
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : startswith(name, "REVIEWS_")])
    error_message = "settings have to be REVIEWS_…; secrets belong in `secrets`."
  }
}

variable "secrets" {
  type        = map(string)
  description = "More secrets: variable -> ARN in Secrets Manager."
  default     = {}

  validation {
    condition     = alltrue([for arn in values(var.secrets) : startswith(arn, "arn:aws:secretsmanager:")])
    error_message = "secrets have to be ARNs of Secrets Manager, never values."
  }
}

variable "cpu" {
  type        = number
  description = "Units of 1/1024 processor of one task."
  default     = 256
}

variable "memory" {
  type        = number
  description = "MB of one task."
  default     = 512
}

variable "least" {
  type        = number
  description = "How many tasks there are at least."

  validation {
    condition     = var.least >= 1
    error_message = "least has to be 1 at least: with none nobody is answered."
  }
}

variable "most" {
  type        = number
  description = "How many tasks there are at most."

  validation {
    condition     = var.most >= var.least
    error_message = "most may not be under least."
  }
}

variable "requests_a_minute" {
  type        = number
  description = "Requests a minute of one task, above which there is one more."
  default     = 6000
}

variable "requests_of_one_address" {
  type        = number
  description = "Requests of one address in five minutes, above which it is refused by a firewall; 0 for none, which costs nothing."
  default     = 0

  validation {
    condition     = var.requests_of_one_address == 0 || var.requests_of_one_address >= 100
    error_message = "requests_of_one_address has to be 0, or 100 at least."
  }
}

variable "most_errors_a_minute" {
  type        = number
  description = "Answers with 5xx in a minute, above which a deployment is taken back."
  default     = 5
}

variable "most_seconds" {
  type        = number
  description = "Seconds of the slowest hundredth of answers, above which a deployment is taken back."
  default     = 1
}

variable "deletion_protection" {
  type        = bool
  description = "Whether the load balancer refuses to be deleted."
}

variable "log_days" {
  type        = number
  description = "How long output is kept, in days."
  default     = 90
}

variable "wait_until_steady" {
  type        = bool
  description = "Whether apply waits until the service runs, so that a roll-back is seen."
  default     = true
}

variable "boundary_arn" {
  type        = string
  description = "Policy that says what roles made here can do at most."
}

variable "password_version" {
  type        = number
  description = "Raise it to give MLflow and its database new passwords."
  default     = 1
}


variable "has_champion" {
  type        = bool
  description = "Whether there is a model to serve. Until then the API is let live without being ready, and apply does not wait for it."
  default     = true
}
