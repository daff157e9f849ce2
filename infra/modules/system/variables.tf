variable "name" {
  type        = string
  description = "Project and environment: everything is called that, or begins with it."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,22}[a-z0-9]$", var.name))
    error_message = "name has to be of 3 to 24 small letters, digits and dashes, and begin with a letter."
  }
}

variable "environment" {
  type        = string
  description = "Value of the tag Environment."
}

variable "cidr" {
  type        = string
  description = "Private range of addresses, from /16 to /20."
}

variable "zones" {
  type        = number
  description = "In how many availability zones."
  default     = 2
}

variable "private_tasks" {
  type        = bool
  description = "Whether tasks are in private subnets, and reach AWS by endpoints."
}

variable "nat" {
  type        = bool
  description = "Whether private subnets reach the internet, for sources such as Kaggle."
  default     = false
}

variable "images" {
  type        = object({ model = string, monitoring = string, api = string, mlflow = string })
  description = "Images by digest."
}

variable "repositories" {
  type        = object({ model = string, monitoring = string, api = string, mlflow = string })
  description = "ARNs of their repositories."
}

variable "certificate_arn" {
  type        = string
  description = "Certificate of ACM for the name that the API is called by."
}

variable "allowed_ranges" {
  type        = set(string)
  description = "Who may ask the API."
  default     = ["0.0.0.0/0"]
}

variable "capacity_provider" {
  type        = string
  description = "FARGATE or FARGATE_SPOT, for the API and MLflow."
  default     = "FARGATE"
}

variable "container_insights" {
  type        = bool
  description = "Whether CloudWatch has more metrics of tasks, for a price."
  default     = false
}

variable "database_class" {
  type        = string
  description = "Kind of the database's machine."
  default     = "db.t4g.micro"
}

variable "two_databases" {
  type        = bool
  description = "Whether a second database in another zone takes over when the first fails."
  default     = false
}

variable "backup_days" {
  type        = number
  description = "For how many days the database can be set back."
  default     = 7
}

variable "deletion_protection" {
  type        = bool
  description = "Whether what holds data refuses to be deleted."
}

variable "api_least" {
  type        = number
  description = "How many tasks of the API there are at least."
  default     = 1
}

variable "api_most" {
  type        = number
  description = "How many tasks of the API there are at most."
  default     = 2
}

variable "requests_of_one_address" {
  type        = number
  description = "Requests of one address in five minutes, above which it is refused; 0 for no firewall."
  default     = 0
}

variable "settings" {
  type        = map(string)
  description = "Settings of the API and of every step, REVIEWS_…"
  default     = {}
}

variable "secrets" {
  type        = map(map(string))
  description = "Secrets of single steps: step -> variable -> ARN, as for Kaggle's login."
  default     = {}
}

variable "schedules" {
  type        = bool
  description = "Whether workflows start by themselves."
  default     = true
}

variable "told" {
  type        = set(string)
  description = "Mail addresses of who is told of alarms and asked for approvals."
  default     = []

  validation {
    condition     = alltrue([for one in var.told : can(regex("^[^@ ]+@[^@ ]+$", one))])
    error_message = "told has to be of mail addresses."
  }
}

variable "dollars_a_month" {
  type        = number
  description = "What the environment may cost in a month, USD."
}

variable "wait_until_steady" {
  type        = bool
  description = "Whether apply waits until services run, so that a roll-back is seen."
  default     = true
}

variable "boundary_arn" {
  type        = string
  description = "Policy that says what roles made here can do at most; bootstrap has made it."

  validation {
    condition     = can(regex("^arn:aws:iam::[0-9]{12}:policy/.+$", var.boundary_arn))
    error_message = "boundary_arn has to be the ARN of a policy: the output of bootstrap."
  }
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
