# Two zones, private tasks, a second database, a firewall, and nothing that holds data can be deleted by mistake.

locals {
  environment = "prod"
}

module "system" {
  source                  = "../../modules/system"
  name                    = "reviews-${local.environment}"
  environment             = local.environment
  cidr                    = "10.30.0.0/16"
  private_tasks           = true
  nat                     = true
  images                  = var.images
  repositories            = var.repositories
  boundary_arn            = var.boundary_arn
  password_version        = var.password_version
  has_champion            = var.has_champion
  certificate_arn         = var.certificate_arn
  allowed_ranges          = var.allowed_ranges
  container_insights      = true
  database_class          = "db.t4g.small"
  two_databases           = true
  backup_days             = 14
  deletion_protection     = true
  api_least               = var.api_least
  api_most                = 8
  requests_of_one_address = 2000
  settings                = merge({ REVIEWS_PROMOTE = "approve" }, var.settings)
  secrets                 = var.secrets
  schedules               = var.schedules
  told                    = var.told
  dollars_a_month         = 500
  wait_until_steady       = var.wait_until_steady
}

# The images that run: kept when all the rest has succeeded, so never those that an apply has failed with.
resource "terraform_data" "applied" {
  input      = var.images
  depends_on = [module.system]
}
