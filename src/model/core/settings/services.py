"""Services that the program talks to, under the names that their own clients read."""

from pathlib import Path
from typing import ClassVar

from pydantic import SecretStr, field_validator

from src.model.core.settings.group import Address, Group, secret, setting


class MlflowSettings(Group):
    """Where MLflow is, how to log in there, and under which names we write.

    Credentials belong here and not into the address, which is shown to people.
    """

    prefix: ClassVar[str] = "MLFLOW_"

    tracking_uri: Address = setting(
        "sqlite:///mlflow.db", "MLflow's address or database; empty turns tracking off."
    )
    tracking_username: SecretStr = secret("User of MLflow's server.")
    tracking_password: SecretStr = secret("… the password.")
    tracking_token: SecretStr = secret("A bearer token instead of both.")
    tracking_insecure_tls: bool = setting(False, "Do not check the certificate of MLflow's server.")
    tracking_server_cert_path: Path | None = setting(
        None, "File of certificates to check it against."
    )
    experiment: str = setting(
        "amazon-reviews-training", "MLflow experiment.", "REVIEWS_EXPERIMENT", min_length=1
    )
    model_name: str = setting(
        "amazon-reviews-sentiment", "Registered model.", "REVIEWS_MODEL_NAME", min_length=1
    )


class AwsSettings(Group):
    """Only what S3 needs; left empty, the standard chain (profile, role) decides."""

    prefix: ClassVar[str] = "AWS_"

    endpoint_url: Address = setting("", "Another S3 address.")
    region: str = setting("us-east-1", "Region of the bucket.", "AWS_REGION", "AWS_DEFAULT_REGION")
    access_key_id: str = setting("", "Key id.")
    secret_access_key: SecretStr = secret("Secret key.")
    session_token: SecretStr = secret("Token of a temporary session.")
    profile: str = setting("default", "Profile whose keys are taken where none are set.")
    shared_credentials_file: Path | None = setting(
        None, "File of profiles; ~/.aws/credentials unless set."
    )

    @field_validator("endpoint_url")
    @classmethod
    def _endpoint_is_http(cls, value: str) -> str:
        if value and not value.lower().startswith(("http://", "https://")):
            msg = "is no address that starts with http:// or https://"
            raise ValueError(msg)
        return value
