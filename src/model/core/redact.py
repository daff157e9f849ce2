"""Secrets out of text that people, logs, other services and manifests will see.

Two nets: what looks like a secret in an address, and what is known to be one, the values of this
process's own settings.
"""

import re
from collections.abc import Iterable

_USER = re.compile(r"(?<=://)[^/@\s'\"]*@")
_AFTER_PATH = re.compile(r"(\w+://[^\s'\"?#]+)[?#][^\s'\"]+")
_PASSWORD = re.compile(r"://[^/@\s:]*:([^/@\s]+)@")
_SHORTEST = 8  # shorter values stand in ordinary words too; addresses are cut by their form
_HIDDEN = "***"

_known: set[str] = set()


def hide(values: Iterable[str]) -> None:
    """Remember secret values of this process; `without_secrets` hides them from now on.

    Of an address its password is secret.
    """
    for value in values:
        found = _PASSWORD.findall(value) if "://" in value else [value]
        _known.update(secret for secret in found if len(secret) >= _SHORTEST)


def without_secrets(text: str) -> str:
    """Return the text with everything secret cut out.

    In addresses that is user and password, and what follows the path: a query or a fragment may
    hold a signature or a token.

    >>> without_secrets("mlflow at https://bob:sesame@host/x?token=1 is down")
    'mlflow at https://host/x is down'
    """
    text = _AFTER_PATH.sub(r"\1", _USER.sub("", text))
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text


def shown(text: str) -> str:
    """Return an address or argument as manifests and people see it: no secrets, valid text."""
    return without_secrets(text).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
