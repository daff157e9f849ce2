# What several modules share: the tasks' security group, who may ask MLflow, and the topics.

resource "aws_security_group" "jobs" {
  name        = "${var.name}-jobs"
  description = "Steps of the pipeline and of monitoring; nobody connects to them"
  vpc_id      = module.network.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "jobs" {
  security_group_id = aws_security_group.jobs.id
  description       = "To S3, ECR, CloudWatch, Secrets Manager, and where reviews come from"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

locals {
  clients_of_mlflow = { jobs = aws_security_group.jobs.id, api = module.api.tasks_security_group }
}

resource "aws_vpc_security_group_ingress_rule" "mlflow" {
  for_each                     = local.clients_of_mlflow
  security_group_id            = module.tracking.balancer_security_group
  referenced_security_group_id = each.value
  description                  = "From ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = 80
  to_port                      = 80
}

resource "aws_vpc_security_group_egress_rule" "mlflow" {
  for_each                     = local.clients_of_mlflow
  security_group_id            = each.value
  referenced_security_group_id = module.tracking.balancer_security_group
  description                  = "To MLflow"
  ip_protocol                  = "tcp"
  from_port                    = 80
  to_port                      = 80
}

resource "aws_sns_topic" "this" {
  for_each = toset(["alarms", "approvals"])
  name     = "${var.name}-${each.value}"
}

data "aws_caller_identity" "here" {}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "TellOfAlarmsAndCosts"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.this["alarms"].arn]

    principals {
      type        = "Service"
      identifiers = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.this["alarms"].arn
  policy = data.aws_iam_policy_document.alarms.json
}

resource "aws_sns_topic_subscription" "mail" {
  for_each  = { for pair in setproduct(keys(aws_sns_topic.this), var.told) : "${pair[0]} ${pair[1]}" => pair }
  topic_arn = aws_sns_topic.this[each.value[0]].arn
  protocol  = "email"
  endpoint  = each.value[1]
}
