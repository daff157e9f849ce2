variable "name" {
  type        = string
  description = "Project and environment; task definitions are called that, a dash and the step."
}

variable "images" {
  type        = object({ model = string, monitoring = string })
  description = "Images by digest, so that what was tested is what runs."

  validation {
    condition     = alltrue([for image in values(var.images) : can(regex("@sha256:[0-9a-f]{64}$", image))])
    error_message = "images have to be named by digest, REPOSITORY@sha256:…: a tag does not say which image runs."
  }
}

variable "repository_arns" {
  type        = list(string)
  description = "The repositories of these images."
}

variable "data_bucket" {
  type        = string
  description = "Name of the bucket of data."
}

variable "prefix" {
  type        = string
  description = "Where in the bucket the data are."
  default     = "reviews"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]*$", var.prefix))
    error_message = "prefix has to be one word of letters, digits, dots, dashes and underscores."
  }
}

variable "mlflow_uri" {
  type        = string
  description = "Address of MLflow's server."
}

variable "mlflow_secret_arn" {
  type        = string
  description = "Secret with username and password of who logs in there."
}

variable "secrets" {
  type        = map(map(string))
  description = "More secrets of single steps: step -> variable -> ARN of a secret, with :key:: after it where it is JSON."
  default     = {}

  validation {
    condition     = alltrue([for arn in flatten([for all in values(var.secrets) : values(all)]) : startswith(arn, "arn:aws:secretsmanager:")])
    error_message = "secrets have to be ARNs of Secrets Manager, never values."
  }
}

variable "settings" {
  type        = map(string)
  description = "Settings of every step, REVIEWS_…; they are readable by whoever may read task definitions."
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.settings) : startswith(name, "REVIEWS_")])
    error_message = "settings have to be REVIEWS_…; secrets belong in `secrets`."
  }
}

variable "log_days" {
  type        = number
  description = "How long output is kept, in days."
  default     = 90
}

variable "boundary_arn" {
  type        = string
  description = "Policy that says what roles made here can do at most."
}
