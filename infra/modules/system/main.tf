# All of one environment. What differs between environments stands in envs/.

locals {
  prefix = "reviews" # in the bucket of data

  # By way of the cluster's own list, so that services are made after it has one.
  capacity_provider = one([for one in aws_ecs_cluster_capacity_providers.this.capacity_providers : one if one == var.capacity_provider])
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = var.container_insights ? "enabled" : "disabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

module "network" {
  source        = "../network"
  name          = var.name
  cidr          = var.cidr
  zones         = var.zones
  private_tasks = var.private_tasks
  nat           = var.nat
  endpoints     = var.private_tasks ? ["ecr.api", "ecr.dkr", "logs", "secretsmanager"] : []
}

module "storage" {
  source         = "../storage"
  prefix         = local.prefix
  name           = var.name
  may_be_emptied = !var.deletion_protection
}

module "tracking" {
  source               = "../tracking"
  password_version     = var.password_version
  boundary_arn         = var.boundary_arn
  name                 = var.name
  image                = var.images.mlflow
  repository_arn       = var.repositories.mlflow
  cluster_arn          = aws_ecs_cluster.this.arn
  capacity_provider    = local.capacity_provider
  vpc_id               = module.network.vpc_id
  private_subnets      = module.network.private_subnets
  task_subnets         = module.network.task_subnets
  tasks_have_addresses = module.network.tasks_have_addresses
  artifacts_bucket     = module.storage.names.artifacts
  logs_bucket          = module.storage.logs_ready
  database_class       = var.database_class
  two_databases        = var.two_databases
  backup_days          = var.backup_days
  deletion_protection  = var.deletion_protection
  wait_until_steady    = var.wait_until_steady
}

module "api" {
  source                  = "../api"
  password_version        = var.password_version
  has_champion            = var.has_champion
  boundary_arn            = var.boundary_arn
  name                    = var.name
  image                   = var.images.api
  repository_arn          = var.repositories.api
  certificate_arn         = var.certificate_arn
  cluster_arn             = aws_ecs_cluster.this.arn
  capacity_provider       = local.capacity_provider
  vpc_id                  = module.network.vpc_id
  public_subnets          = module.network.public_subnets
  task_subnets            = module.network.task_subnets
  tasks_have_addresses    = module.network.tasks_have_addresses
  balancer_ranges         = [var.cidr]
  allowed_ranges          = var.allowed_ranges
  data_bucket             = module.storage.names.data
  prefix                  = local.prefix
  logs_bucket             = module.storage.logs_ready
  mlflow_uri              = module.tracking.uri
  mlflow_secret_arn       = module.tracking.secret_arn
  alarm_topic_arn         = aws_sns_topic.this["alarms"].arn
  settings                = var.settings
  least                   = var.api_least
  most                    = var.api_most
  requests_of_one_address = var.requests_of_one_address
  deletion_protection     = var.deletion_protection
  wait_until_steady       = var.wait_until_steady
}

module "jobs" {
  source            = "../jobs"
  boundary_arn      = var.boundary_arn
  name              = var.name
  images            = { model = var.images.model, monitoring = var.images.monitoring }
  repository_arns   = [var.repositories.model, var.repositories.monitoring]
  data_bucket       = module.storage.names.data
  prefix            = local.prefix
  mlflow_uri        = module.tracking.uri
  mlflow_secret_arn = module.tracking.secret_arn
  settings          = var.settings
  secrets           = var.secrets
}

module "orchestration" {
  source               = "../orchestration"
  boundary_arn         = var.boundary_arn
  name                 = var.name
  cluster_arn          = aws_ecs_cluster.this.arn
  task_definitions     = module.jobs.task_definitions
  role_arns            = module.jobs.role_arns
  subnets              = module.network.task_subnets
  security_group       = aws_security_group.jobs.id
  tasks_have_addresses = module.network.tasks_have_addresses
  alarm_topic_arn      = aws_sns_topic.this["alarms"].arn
  approval_topic_arn   = aws_sns_topic.this["approvals"].arn
  switched_on          = var.schedules
}

module "monitoring" {
  source              = "../monitoring"
  name                = var.name
  environment         = var.environment
  alarm_topic_arn     = aws_sns_topic.this["alarms"].arn
  jobs_log_group      = module.jobs.log_group
  api_balancer        = module.api.balancer_name
  api_target_group    = module.api.target_group_name
  mlflow_balancer     = module.tracking.balancer_name
  mlflow_target_group = module.tracking.target_group_name
  database_id         = module.tracking.database_id
  state_machines      = module.orchestration.arns
  dollars_a_month     = var.dollars_a_month
}
