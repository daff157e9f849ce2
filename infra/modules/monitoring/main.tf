# Who is told of what: two topics, alarms on the API, on drift and harm, on failed weeks and on what all of it costs, and a
# page of graphs. Two alarms of the API stand in its module: they take deployments back.

data "aws_region" "here" {}

data "aws_caller_identity" "here" {}

# Drift and harm are counted from what the daily check says of itself in its log.
resource "aws_cloudwatch_log_metric_filter" "check" {
  for_each       = toset(["drift", "harm"])
  name           = "${var.name}-${each.value}"
  log_group_name = var.jobs_log_group
  pattern        = "{ $.step = \"check\" && $.event = \"done\" && $.${each.value} = \"yes\" }"

  metric_transformation {
    namespace     = var.name
    name          = each.value
    value         = "1"
    default_value = "0"
  }
}

locals {
  day = 86400
  alarms = {
    drift = {
      says      = "Reviews are of another kind than those that the model was tested on"
      namespace = var.name, metric = "drift", dimensions = {}
      statistic = "Sum", comparison = "GreaterThanThreshold", threshold = 0
      period    = local.day, evaluations = 1, missing = "notBreaching"
    }
    harm = {
      says      = "The champion is wrong more often than when it was tested"
      namespace = var.name, metric = "harm", dimensions = {}
      statistic = "Sum", comparison = "GreaterThanThreshold", threshold = 0
      period    = local.day, evaluations = 1, missing = "notBreaching"
    }
    no-champion = {
      says       = "No task of the API is ready: there is no champion, or it cannot be had"
      namespace  = "AWS/ApplicationELB", metric = "HealthyHostCount"
      dimensions = { LoadBalancer = var.api_balancer, TargetGroup = var.api_target_group }
      statistic  = "Maximum", comparison = "LessThanThreshold", threshold = 1
      period     = 60, evaluations = 5, missing = "breaching"
    }
    mlflow = {
      says       = "MLflow does not answer"
      namespace  = "AWS/ApplicationELB", metric = "HealthyHostCount"
      dimensions = { LoadBalancer = var.mlflow_balancer, TargetGroup = var.mlflow_target_group }
      statistic  = "Maximum", comparison = "LessThanThreshold", threshold = 1
      period     = 60, evaluations = 5, missing = "breaching"
    }
    database-storage = {
      says      = "MLflow's database has less than 2 GB left"
      namespace = "AWS/RDS", metric = "FreeStorageSpace", dimensions = { DBInstanceIdentifier = var.database_id }
      statistic = "Minimum", comparison = "LessThanThreshold", threshold = 2 * 1024 * 1024 * 1024
      period    = 300, evaluations = 3, missing = "missing"
    }
  }
  failed = {
    for name, arn in var.state_machines : "failed-${replace(name, "_", "-")}" => {
      says      = "The workflow ${name} has failed"
      namespace = "AWS/States", metric = "ExecutionsFailed", dimensions = { StateMachineArn = arn }
      statistic = "Sum", comparison = "GreaterThanThreshold", threshold = 0
      period    = 300, evaluations = 1, missing = "notBreaching"
    }
  }
  missed = {
    for metric in ["TargetErrorCount", "InvocationDroppedCount"] : "not-started-${lower(substr(metric, 0, 6))}" => {
      says      = "A workflow was not started when it should have been"
      namespace = "AWS/Scheduler", metric = metric, dimensions = { ScheduleGroup = "default" }
      statistic = "Sum", comparison = "GreaterThanThreshold", threshold = 0
      period    = 300, evaluations = 1, missing = "notBreaching"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = merge(local.alarms, local.failed, local.missed)
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.says
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.evaluations
  treat_missing_data  = each.value.missing
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}

resource "aws_budgets_budget" "this" {
  name         = var.name
  budget_type  = "COST"
  limit_amount = tostring(var.dollars_a_month)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"

  cost_filter {
    name   = "TagKeyValue"
    values = [join("$", ["user:Environment", var.environment])] # a tag that billing has to be told to count by
  }

  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }

    content {
      notification_type         = notification.key
      threshold                 = notification.value
      threshold_type            = "PERCENTAGE"
      comparison_operator       = "GREATER_THAN"
      subscriber_sns_topic_arns = [var.alarm_topic_arn]
    }
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [
      for number, graph in local.graphs : {
        type   = "metric"
        x      = 12 * (number % 2)
        y      = 6 * floor(number / 2)
        width  = 12
        height = 6
        properties = {
          title   = graph.title
          region  = data.aws_region.here.name
          period  = graph.period
          stat    = graph.stat
          metrics = graph.metrics
        }
      }
    ]
  })
}

locals {
  api = ["LoadBalancer", var.api_balancer, "TargetGroup", var.api_target_group]
  graphs = [
    { title = "Requests to the API", stat = "Sum", period = 60, metrics = [concat(["AWS/ApplicationELB", "RequestCount"], local.api), concat(["AWS/ApplicationELB", "HTTPCode_Target_5XX_Count"], local.api)] },
    { title = "Seconds of an answer, the slowest hundredth", stat = "p99", period = 60, metrics = [concat(["AWS/ApplicationELB", "TargetResponseTime"], local.api)] },
    { title = "Drift and harm, by the daily check", stat = "Sum", period = local.day, metrics = [[var.name, "drift"], [var.name, "harm"]] },
    { title = "Workflows that failed", stat = "Sum", period = 3600, metrics = [for name, arn in var.state_machines : ["AWS/States", "ExecutionsFailed", "StateMachineArn", arn, { label = name }]] },
  ]
}
