variable "region" {
  type        = string
  description = "Region of AWS."

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region has to be one of AWS, such as us-east-1."
  }
}

variable "name" {
  type        = string
  description = "What everything begins with; environments are called that, a dash and their own name."
  default     = "reviews"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,16}[a-z0-9]$", var.name))
    error_message = "name has to be of 3 to 18 small letters, digits and dashes, and begin with a letter."
  }
}

variable "owner" {
  type        = string
  description = "Who the repository on GitHub belongs to."

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+$", var.owner))
    error_message = "owner has to be one name, without wildcards."
  }
}

variable "repository" {
  type        = string
  description = "The repository's name."

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository has to be one name, without its owner and without wildcards."
  }
}

variable "subject_has_numbers" {
  type        = bool
  description = "Whether tokens name the numbers of owner and repository, as those of repositories do that were made or renamed since 2026-07-15."
  default     = true
}

variable "owner_id" {
  type        = string
  description = "The owner's number: gh api users/OWNER --jq .id"
  default     = ""

  validation {
    condition     = !var.subject_has_numbers || can(regex("^[0-9]+$", var.owner_id))
    error_message = "owner_id has to be a number: gh api users/OWNER --jq .id; or set subject_has_numbers=false for a repository that is older."
  }
}

variable "repository_id" {
  type        = string
  description = "The repository's number: gh api repos/OWNER/REPOSITORY --jq .id"
  default     = ""

  validation {
    condition     = !var.subject_has_numbers || can(regex("^[0-9]+$", var.repository_id))
    error_message = "repository_id has to be a number: gh api repos/OWNER/REPOSITORY --jq .id"
  }
}

variable "environments" {
  type        = set(string)
  description = "Environments, of the same names in GitHub and in infra/envs."
  default     = ["dev", "prod"]

  validation {
    condition     = alltrue([for one in var.environments : can(regex("^[a-z]{2,8}$", one))]) && !contains(var.environments, "images")
    error_message = "environments have to be of 2 to 8 small letters, and none may be called images."
  }
}
