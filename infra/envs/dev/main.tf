# The cheapest that works: one machine of each, tasks in public subnets without NAT, spare capacity that may be taken away.

locals {
  environment = "dev"
}

module "system" {
  source              = "../../modules/system"
  name                = "reviews-${local.environment}"
  environment         = local.environment
  cidr                = "10.20.0.0/16"
  private_tasks       = false
  images              = var.images
  repositories        = var.repositories
  boundary_arn        = var.boundary_arn
  password_version    = var.password_version
  has_champion        = var.has_champion
  certificate_arn     = var.certificate_arn
  allowed_ranges      = var.allowed_ranges
  capacity_provider   = "FARGATE_SPOT"
  backup_days         = 1
  deletion_protection = false
  settings            = var.settings
  secrets             = var.secrets
  schedules           = var.schedules
  told                = var.told
  dollars_a_month     = 80
  wait_until_steady   = var.wait_until_steady
}

# The images that run: kept when all the rest has succeeded, so never those that an apply has failed with.
resource "terraform_data" "applied" {
  input      = var.images
  depends_on = [module.system]
}
