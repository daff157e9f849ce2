"""The one way to S3: a client of the settings, and failures in words."""

import configparser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from obstore.exceptions import BaseError
from obstore.store import S3Store

from src.model.core.errors import SettingsError, StorageError
from src.model.core.settings import AwsSettings


def s3_store(address: str, aws: AwsSettings) -> S3Store:
    """Return a client for `s3://bucket/prefix`; keys are below the prefix.

    Keys of the settings come first, then those of the profile in the shared credentials file;
    without any, the role of the container, the machine or the web identity decides.

    Raises:
        SettingsError: half a pair of keys, or an address that names no bucket.
    """
    options: dict[str, Any] = {"region": aws.region, **_credentials(aws)}
    if aws.endpoint_url:
        options["endpoint"] = aws.endpoint_url
    try:
        return S3Store.from_url(
            address,
            **options,
            client_options={
                "allow_http": aws.endpoint_url.startswith("http://"),
                "connect_timeout": "5s",
                "timeout": "60s",
            },
            retry_config={"max_retries": 2},
        )
    except (BaseError, ValueError) as error:
        hint = "Write s3://bucket/prefix."
        raise SettingsError(f"{address} is no address in S3.", hint=hint) from error


def _credentials(aws: AwsSettings) -> dict[str, str]:
    secret, token = aws.secret_access_key.get_secret_value(), aws.session_token.get_secret_value()
    if bool(aws.access_key_id) != bool(secret):
        msg = "Only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set."
        raise SettingsError(msg, hint="Set both, or neither to use a profile or role.")
    if not aws.access_key_id:
        return _of_profile(aws)
    found = {"access_key_id": aws.access_key_id, "secret_access_key": secret}
    return found | ({"session_token": token} if token else {})


def _of_profile(aws: AwsSettings) -> dict[str, str]:
    """Return the keys of the profile, or nothing where the file or the profile is not there."""
    place = aws.shared_credentials_file or Path("~/.aws/credentials")
    profiles = configparser.ConfigParser(interpolation=None)
    try:
        profiles.read(place.expanduser(), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, RuntimeError) as error:
        msg = f"{place} is no file of AWS profiles: {str(error).splitlines()[0]}."
        raise SettingsError(msg, hint="Correct it, or set AWS_ACCESS_KEY_ID.") from error
    names = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"}
    if not profiles.has_section(aws.profile):
        return {}
    found = {name: value for name, value in profiles[aws.profile].items() if name in names}
    return {name.removeprefix("aws_"): value for name, value in found.items()}


@contextmanager
def saying_what_s3_said(place: str) -> Iterator[None]:
    """Turn what the client raises into a StorageError; a missing object stays FileNotFoundError."""
    try:
        yield
    except BaseError as error:
        reason = " ".join(str(error).split()).partition(": Error performing")[0][:200]
        msg = f"{place} could not be read or written: {reason}."
        hint = "Check the bucket, the network, the credentials and AWS_ENDPOINT_URL."
        raise StorageError(msg, hint=hint) from error
