"""A group of settings: a frozen class that is handed, whole, to what it configures."""

import re
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from pydantic.fields import FieldInfo

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]

_HOST_WITHOUT_SCHEME = re.compile(r"([^\s/@]*@)?[\w.-]+:\d+(/.*)?")


def _is_address(value: str) -> str:
    if _HOST_WITHOUT_SCHEME.fullmatch(value):
        msg = "has no scheme: write http:// or https:// before it"
        raise ValueError(msg)
    if value.lower().startswith(("http://", "https://")):
        try:
            readable = bool(urlsplit(value).hostname) and urlsplit(value).port != 0
        except ValueError:
            readable = False
        if not readable:
            msg = "is no address: its host or port cannot be read"
            raise ValueError(f"{msg}. Write / ? # @ and [ of a password as %2F %3F %23 %40 and %5B")
    return value


_ADDRESS = AfterValidator(_is_address)
Address = Annotated[str, _ADDRESS]
"""The address of a service or of data; user, password and query in it are shown to nobody."""


class Group(BaseModel):
    """Settings whose names in the environment begin with `prefix`, unless they say otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    prefix: ClassVar[str] = "REVIEWS_"

    @classmethod
    def variables(cls, field: str) -> tuple[str, ...]:
        """Return the names that set a field in the environment; the first one is its own."""
        extra: Any = cls.model_fields[field].json_schema_extra or {}
        return tuple(extra.get("variables", ())) or (cls.prefix + field.upper(),)


def setting(default: Any, description: str, *variables: str, **bounds: Any) -> Any:
    """Return a field with its description, and its names in the environment if they are others."""
    extra: Any = {"variables": list(variables)} if variables else None
    return Field(default, description=description, json_schema_extra=extra, **bounds)


def secret(description: str, *variables: str) -> Any:
    """Return a field whose value is never shown, empty unless set."""
    return setting(SecretStr(""), description, *variables)


def is_secret(info: FieldInfo) -> bool:
    """Say whether a field's value must not be shown."""
    return info.annotation is SecretStr


def is_address(info: FieldInfo) -> bool:
    """Say whether a field's value may hold user, password or query."""
    return _ADDRESS in info.metadata
