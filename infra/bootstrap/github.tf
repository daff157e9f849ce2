# Who of GitHub may take which role. A token's subject says from which repository it is, and from which kind of event or
# which environment of it. Repositories that were made or renamed since 2026-07-15 have their numbers and their owner's in
# it, so that whoever takes over an abandoned name gets nothing:
# repo:OWNER@OWNER_ID/REPOSITORY@REPOSITORY_ID:environment:NAME

locals {
  issuer     = "token.actions.githubusercontent.com"
  boundaries = { for environment in var.environments : environment => "arn:aws:iam::${local.account}:policy/${local.name}-boundary-${environment}" }
  repository = (
    var.subject_has_numbers
    ? "repo:${var.owner}@${var.owner_id}/${var.repository}@${var.repository_id}"
    : "repo:${var.owner}/${var.repository}"
  )

  # Role -> the one subject that may take it. An environment has reviewers and branches of its own in GitHub's settings.
  subjects = merge(
    {
      plan   = "${local.repository}:pull_request"
      images = "${local.repository}:environment:images"
    },
    { for environment in var.environments : "apply-${environment}" => "${local.repository}:environment:${environment}" },
  )

  policies = merge(
    {
      plan   = data.aws_iam_policy_document.plan.json
      images = data.aws_iam_policy_document.images.json
    },
    { for environment in var.environments : "apply-${environment}" => data.aws_iam_policy_document.apply[environment].json },
  )
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://${local.issuer}"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "trust" {
  for_each = local.subjects

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = ["arn:aws:iam::${local.account}:oidc-provider/${local.issuer}"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = [each.value]
    }
  }
}

resource "aws_iam_role" "github" {
  for_each             = local.subjects
  name                 = "${local.name}-github-${each.key}"
  description          = "For ${each.value}"
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  max_session_duration = 5400 # a roll-out and its way back
  depends_on           = [aws_iam_openid_connect_provider.github]
}

resource "aws_iam_role_policy" "github" {
  for_each = local.subjects
  name     = each.key
  role     = aws_iam_role.github[each.key].id
  policy   = local.policies[each.key]
}
