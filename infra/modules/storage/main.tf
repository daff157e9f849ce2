# Buckets for data, MLflow's artifacts and logs: private, encrypted, versioned, over TLS alone, and with an end to what is old.

data "aws_caller_identity" "here" {}

locals {
  buckets = {
    data      = { days = { "${var.prefix}/predictions/" = var.prediction_days }, description = "Reviews and what is made of them" }
    artifacts = { days = {}, description = "Models and plots of MLflow" }
    logs      = { days = { "" = var.log_days }, description = "Access logs of load balancers" }
  }
}

locals {
  names = { for what in keys(local.buckets) : what => "${var.name}-${data.aws_caller_identity.here.account_id}-${what}" }
}

resource "aws_s3_bucket" "this" {
  for_each      = local.buckets
  bucket        = local.names[each.key]
  force_destroy = var.may_be_emptied
  tags          = { Description = each.value.description }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = aws_s3_bucket.this
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256" # a load balancer's logs take no other, and keys of our own would cost without holding more off
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id

  rule {
    id     = "what-was-replaced"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.replaced_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = local.buckets[each.key].days

    content {
      id     = "what-is-old"
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

data "aws_iam_policy_document" "this" {
  for_each = local.names

  statement {
    sid       = "OverTlsAlone"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = ["arn:aws:s3:::${each.value}", "arn:aws:s3:::${each.value}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  dynamic "statement" {
    for_each = each.key == "logs" ? ["balancers"] : []

    content {
      sid       = "LogsOfLoadBalancers"
      actions   = ["s3:PutObject"]
      resources = ["arn:aws:s3:::${each.value}/balancers/AWSLogs/${data.aws_caller_identity.here.account_id}/*"]

      principals {
        type        = "Service"
        identifiers = ["logdelivery.elasticloadbalancing.amazonaws.com"]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each   = aws_s3_bucket.this
  bucket     = each.value.id
  policy     = data.aws_iam_policy_document.this[each.key].json
  depends_on = [aws_s3_bucket_public_access_block.this]
}
