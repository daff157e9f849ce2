"""Terraform at work: plans against a stand-in for AWS, what they cost, and what is applied."""
