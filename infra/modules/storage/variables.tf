variable "name" {
  type        = string
  description = "Project and environment; buckets are called that, the account's number and what they hold."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,35}[a-z0-9]$", var.name))
    error_message = "name has to be of 3 to 37 small letters, digits and dashes, and begin with a letter: it is part of names of buckets."
  }
}

variable "may_be_emptied" {
  type        = bool
  description = "Whether destroying deletes what is in the buckets."
  default     = false
}

variable "log_days" {
  type        = number
  description = "How long access logs are kept."
  default     = 90

  validation {
    condition     = var.log_days >= 1
    error_message = "log_days has to be 1 at least."
  }
}

variable "replaced_days" {
  type        = number
  description = "How long an object that was replaced or deleted can be had back."
  default     = 30

  validation {
    condition     = var.replaced_days >= 1
    error_message = "replaced_days has to be 1 at least."
  }
}

variable "prefix" {
  type        = string
  description = "Where in the bucket the data are."
  default     = "reviews"
}

variable "prediction_days" {
  type        = number
  description = "How long the prediction log is kept; monitoring wants its window of days, and labels may come late."
  default     = 90

  validation {
    condition     = var.prediction_days >= 30
    error_message = "prediction_days has to be 30 at least, or monitoring has nothing to compare."
  }
}
