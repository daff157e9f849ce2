"""Settings of the inference service: only the service, and what prepares its model, reads them."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from src.model.core.settings.group import Group, Seconds, setting


class ApiSettings(Group):
    """Where the service listens, which model it serves, and whom it lets in."""

    prefix: ClassVar[str] = "REVIEWS_API_"

    host: str = setting("127.0.0.1", "Address the API listens on.", min_length=1)
    port: Annotated[int, Field(ge=1, le=65_535)] = setting(8000, "Port the API listens on.")
    workers: Annotated[int, Field(ge=1, le=64)] = setting(1, "Processes that answer requests.")

    model_dir: Path = setting(
        Path("data/model"), "Model folder that is served, unless MLFLOW_TRACKING_URI is http."
    )
    cache_dir: Path = setting(Path("data/cache/api"), "Models fetched from MLflow, by content.")
    poll_seconds: Seconds = setting(15.0, "How often the API looks whether its model has changed.")
    challenger: Literal["off", "shadow", "canary"] = setting(
        "off",
        "`shadow` judges live requests by the challenger too; `canary` answers some by it.",
    )
    canary_share: Annotated[float, Field(ge=0, le=1)] = setting(
        0.1, "Share of reviews that a canary answers, by hash of the review."
    )

    keys_file: Path | None = setting(
        None, "File of `name:sha256` lines; without one no key is asked for."
    )
    monitoring_file: Path = setting(
        Path("data/monitoring/metrics.prom"),
        "Gauges of the last monitoring check, which /metrics hands on where the file is there.",
    )
    rate: Annotated[float, Field(ge=0)] = setting(
        0.0,
        "Requests per second a key or, without keys, an address may make, a batch counting as many "
        "as it has reviews; 0 means any.",
    )
    burst: Annotated[int, Field(ge=1)] = setting(50, "Requests it may make at once.")
    root_path: Annotated[str, Field(pattern=r"^(/[\w.~-]+)*$")] = setting(
        "", "Path below which a reverse proxy passes requests on without taking it off: /reviews."
    )
    trusted_proxies: str = setting(
        "",
        "Addresses or networks of reverse proxies, comma separated, whose X-Forwarded-For is "
        "believed.",
    )
    max_connections: Annotated[int, Field(ge=1)] = setting(
        512, "Connections at once, per process; more are refused."
    )
    max_body_bytes: Annotated[int, Field(ge=1)] = setting(
        4_194_304, "A larger request body is refused."
    )
    timeout_seconds: Seconds = setting(
        10.0, "A request whose headers, or whose body, take longer to arrive is refused."
    )


class LogSettings(Group):
    """What is written down about predictions, where, and how long it stays."""

    prefix: ClassVar[str] = "REVIEWS_LOG_"

    dir: str = setting(
        "data/predictions", "Folder or s3://bucket/prefix of the prediction log; `off`."
    )
    text: bool = setting(False, "Write title and message into the prediction log too.")
    seconds: Seconds = setting(10.0, "A part of the prediction log is written at least this often.")
    part_bytes: Annotated[int, Field(ge=1_000)] = setting(8_000_000, "… or when it is this large.")
    queue: Annotated[int, Field(ge=1)] = setting(
        20_000, "Rows that may wait; more are dropped, counted."
    )
    days: Annotated[float, Field(gt=0)] = setting(30.0, "Days after which a local part is deleted.")
