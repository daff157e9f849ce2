"""Settings of the inference service: a part of `Settings`, in a file of its own because only the service reads it."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings

Seconds = Annotated[float, Field(gt=0, le=86_400)]


class ServingSettings(BaseSettings):
    """Where the service listens, which model it serves, whom it lets in, and what it writes down."""

    api_host: str = Field("127.0.0.1", min_length=1, description="Address the API listens on.")
    api_port: Annotated[int, Field(ge=1, le=65_535)] = Field(8000, description="Port the API listens on.")
    api_workers: Annotated[int, Field(ge=1, le=64)] = Field(1, description="Processes that answer requests.")

    api_model_dir: Path = Field(
        Path("data/model"), description="Model folder that is served, unless MLFLOW_TRACKING_URI is http."
    )
    api_cache_dir: Path = Field(Path("data/cache/api"), description="Models fetched from MLflow, by content.")
    api_poll_seconds: Seconds = Field(15.0, description="How often the API looks whether its model has changed.")
    api_challenger: Literal["off", "shadow", "canary"] = Field(
        "off", description="`shadow` judges live requests by the challenger too; `canary` answers some by it."
    )
    api_canary_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.1, description="Share of reviews that a canary answers, by hash of the review."
    )

    api_keys_file: Path | None = Field(
        None, description="File of `name:sha256` lines; without one no key is asked for."
    )
    api_rate: Annotated[float, Field(ge=0)] = Field(
        0.0, description="Requests per second a key or, without keys, an address may make; 0 means any."
    )
    api_burst: Annotated[int, Field(ge=1)] = Field(50, description="Requests it may make at once.")
    api_max_body_bytes: Annotated[int, Field(ge=1)] = Field(4_194_304, description="A larger request body is refused.")
    api_timeout_seconds: Seconds = Field(10.0, description="A request whose body takes longer to arrive is refused.")

    log_dir: str = Field("data/predictions", description="Folder or s3://bucket/prefix of the prediction log; `off`.")
    log_text: bool = Field(False, description="Write title and message into the prediction log too.")
    log_seconds: Seconds = Field(10.0, description="A part of the prediction log is written at least this often.")
    log_part_bytes: Annotated[int, Field(ge=1_000)] = Field(8_000_000, description="… or when it is this large.")
    log_queue: Annotated[int, Field(ge=1)] = Field(20_000, description="Rows that may wait; more are dropped, counted.")
    log_days: Annotated[float, Field(gt=0)] = Field(30.0, description="Days after which a local part is deleted.")
