# Passwords are made by Secrets Manager and handed on by ephemeral values, which are in no state and no plan. The database's
# is not the one that RDS manages: that changes every seven days, and a server that runs would be locked out. Where an apply
# broke off between secret and database, raise password_version: both get a new one.

ephemeral "aws_secretsmanager_random_password" "this" {
  for_each            = toset(["login", "key", "database"])
  password_length     = 40
  exclude_punctuation = true
}

locals {
  made = { for what, one in ephemeral.aws_secretsmanager_random_password.this : what => one.random_password }
  secrets = {
    login    = { username = "mlflow", password = local.made.login, key = local.made.key }
    database = { username = "mlflow", password = local.made.database }
  }
  secret_arns = { for what, secret in aws_secretsmanager_secret.this : what => secret.arn }
}

resource "aws_secretsmanager_secret" "this" {
  for_each = {
    login    = "Who logs in to MLflow, and the key that it signs forms with"
    database = "The owner of MLflow's database"
  }
  name                    = "${var.name}/mlflow/${each.key}"
  description             = each.value
  recovery_window_in_days = var.deletion_protection ? 30 : 0
}

resource "aws_secretsmanager_secret_version" "this" {
  for_each                 = aws_secretsmanager_secret.this
  secret_id                = each.value.id
  secret_string_wo         = jsonencode(local.secrets[each.key])
  secret_string_wo_version = var.password_version
}
