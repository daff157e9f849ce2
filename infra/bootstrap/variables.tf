variable "region" {
  type        = string
  description = "Region of AWS."

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region has to be one of AWS, such as us-east-1."
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
    condition     = alltrue([for one in var.environments : can(regex("^[a-z]{2,8}$", one))]) && length(setintersection(var.environments, ["github", "images"])) == 0
    error_message = "environments have to be of 2 to 8 small letters, and none may be called github or images: that is what other roles are called."
  }
}

variable "more_secrets" {
  type        = map(list(string))
  description = "Secrets that an environment's tasks are given besides its own, as ARNs: environment -> list, as for Kaggle's login."
  default     = {}

  validation {
    condition     = alltrue([for arn in flatten(values(var.more_secrets)) : startswith(arn, "arn:aws:secretsmanager:")])
    error_message = "more_secrets have to be ARNs of Secrets Manager."
  }
}
