variable "region" {
  type        = string
  description = "Region of AWS."

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region has to be one of AWS, such as us-east-1."
  }
}

variable "images" {
  type        = object({ model = string, monitoring = string, api = string, mlflow = string })
  description = "Images by digest: REPOSITORY@sha256:…"
}

variable "repositories" {
  type        = object({ model = string, monitoring = string, api = string, mlflow = string })
  description = "ARNs of their repositories, which bootstrap has made."
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

  validation {
    condition     = length(var.told) >= 1
    error_message = "told has to have one mail address at least in prod: alarms and questions have to reach somebody."
  }
}

variable "wait_until_steady" {
  type        = bool
  description = "Whether apply waits until services run, so that a roll-back is seen."
  default     = true
}

variable "api_least" {
  type        = number
  description = "How many tasks of the API there are at least; two, so that one may be lost."
  default     = 2

  validation {
    condition     = var.api_least >= 2
    error_message = "api_least has to be 2 at least in prod: one may be lost at any time."
  }
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
