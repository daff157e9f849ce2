"""Secrets out of text that people, logs and manifests will see."""

import re

_USER = re.compile(r"(?<=://)[^/@\s'\"]+@")
_QUERY = re.compile(r"(\w+://[^\s'\"?]+)\?[^\s'\"]+")


def without_secrets(text: str) -> str:
    """Return the text with users, passwords and queries (which may be signatures) cut out of its addresses."""
    return _QUERY.sub(r"\1", _USER.sub("", text))
