variable "images" {
  type        = set(string)
  description = "What the images are of; each repository is called tutoria-mlops- and that."
  default     = ["model", "api", "monitoring", "mlflow", "airflow"]
}

variable "kept" {
  type        = number
  description = "How many images of each are kept."
  default     = 30

  validation {
    condition     = var.kept >= 5
    error_message = "kept has to be 5 at least: what runs must stay, and what it is rolled back to."
  }
}

variable "may_be_emptied" {
  type        = bool
  description = "Whether destroying deletes the images too."
  default     = false
}
