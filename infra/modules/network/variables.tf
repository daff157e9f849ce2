variable "name" {
  type        = string
  description = "What everything here is called: project and environment."
}

variable "cidr" {
  type        = string
  description = "Private range of addresses, of at most /20."

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(tonumber(split("/", var.cidr)[1]) <= 20 && tonumber(split("/", var.cidr)[1]) >= 16, false)
    error_message = "cidr is no range such as 10.20.0.0/16: it has to be from /16 to /20."
  }

  validation {
    condition     = can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.)", var.cidr))
    error_message = "cidr has to be private: within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16."
  }
}

variable "zones" {
  type        = number
  description = "In how many availability zones; load balancers want two at least."
  default     = 2

  validation {
    condition     = var.zones >= 2 && var.zones <= 4
    error_message = "zones has to be 2, 3 or 4."
  }
}

variable "private_tasks" {
  type        = bool
  description = "Whether tasks are in private subnets; in public ones they have addresses, and no need of NAT or endpoints."
  default     = true
}

variable "nat" {
  type        = bool
  description = "Whether private subnets reach the internet, for sources such as Kaggle; one gateway a zone."
  default     = false
}

variable "endpoints" {
  type        = set(string)
  description = "Services of AWS that are reached without leaving the network, such as ecr.api."
  default     = []
}
