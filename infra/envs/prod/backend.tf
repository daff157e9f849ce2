# Where the state is: the bucket that bootstrap has made. terraform init -backend-config=bucket=NAME -backend-config=region=REGION
terraform {
  backend "s3" {
    key          = "prod/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
