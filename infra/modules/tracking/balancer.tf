resource "aws_lb" "this" {
  name                       = "${var.name}-mlflow"
  internal                   = true
  load_balancer_type         = "application"
  subnets                    = var.private_subnets
  security_groups            = [aws_security_group.this["balancer"].id]
  drop_invalid_header_fields = true
  enable_deletion_protection = var.deletion_protection

  access_logs {
    bucket  = var.logs_bucket
    prefix  = "balancers"
    enabled = true
  }
}

resource "aws_lb_target_group" "this" {
  name                 = "${var.name}-mlflow"
  port                 = local.port
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = var.vpc_id
  deregistration_delay = 30

  health_check {
    path                = "/health"
    matcher             = "200"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "this" {
  load_balancer_arn = aws_lb.this.arn
  port              = 80
  protocol          = "HTTP" # inside of the network alone, and only for those whom its security group names

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this.arn
  }
}

# Who may talk to whom: clients -> balancer -> server -> database. Rules of clients are made by who has the clients.
resource "aws_security_group" "this" {
  for_each = {
    balancer = "Load balancer of MLflow"
    server   = "Server of MLflow"
    database = "Database of MLflow"
  }
  name        = "${var.name}-mlflow-${each.key}"
  description = each.value
  vpc_id      = var.vpc_id
}

locals {
  talks = {
    server   = { from = "balancer", port = local.port }
    database = { from = "server", port = 5432 }
  }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  for_each                     = local.talks
  security_group_id            = aws_security_group.this[each.key].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  description                  = "From the ${each.value.from}"
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "this" {
  for_each                     = local.talks
  security_group_id            = aws_security_group.this[each.value.from].id
  referenced_security_group_id = aws_security_group.this[each.key].id
  description                  = "To the ${each.key}"
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "aws" {
  security_group_id = aws_security_group.this["server"].id
  description       = "To S3, ECR, CloudWatch and Secrets Manager"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
