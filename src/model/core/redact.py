"""Secrets out of text that people, logs, other services and manifests will see.

Two nets: what is known to be secret, the values of this process's own settings in every form in
which a library may show them, and what looks like a secret, wherever it comes from.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TextIO, cast
from urllib.parse import parse_qsl, quote, quote_plus, unquote

_HIDDEN = "***"
_SHORTEST = 8  # shorter values stand in ordinary words too; addresses are cut by their form

_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]{0,30})://([^\s'\"<>`]*)", re.IGNORECASE)
_END_OF_HOST = re.compile(r"[/?#\\]")
_PLAIN_HOST = re.compile(r"[^:@]*|\[[0-9a-f:.%]*\]", re.IGNORECASE)
_HOST_AND_PORT = re.compile(rf"({_PLAIN_HOST.pattern})(:\d*)?", re.IGNORECASE)
_NAMES = (
    "x-amz-(?:signature|credential|security-token)|awsaccesskeyid|signature|sig|token|password"
    "|passwd|secret|secret_access_key|api[_-]?key"
)
_FORMS = (
    # `user:password@host` without a scheme
    (
        re.compile(
            r"(?<![\w/.@])(?!synthetic:)[^\s'\"/@:=]{1,99}:(?!//)[^\s'\"@]{1,999}@(?=[\w\[])"
        ),
        "",
    ),
    # the query of an address of which only the path is shown
    (re.compile(r"(?<=[^\s?])\?(?=[\w%.\[\]-]+=)[^\s'\"<>`]*"), ""),
    (
        re.compile(rf"(?<![a-z0-9])({_NAMES})(=|['\"]\s*:\s*['\"])[^\s'\"&,;)]+", re.IGNORECASE),
        r"\1\2***",
    ),
    (re.compile(r"(authorization\W{1,4})(basic|bearer)\s+[\w+/=.~-]+", re.IGNORECASE), r"\1\2 ***"),
    (re.compile(r"(?<!\w)(Bearer)\s+[\w+/=.~-]{16,}"), r"\1 ***"),
)
_SECRET_VARIABLE = re.compile(
    r"(PASSWORD|PASSWD|TOKEN|SECRET|SECRET_(ACCESS_)?KEY|API_KEY|KAGGLE_KEY)$"
)
_ADDRESS_VARIABLE = re.compile(r"_(PROXY|URL|URI|DSN)$")

_NOTHING = re.compile(r"(?!)")

_known: set[str] = set()
_known_form = _NOTHING


def hide(values: Iterable[str]) -> None:
    """Remember secret values of this process; `without_secrets` hides them from now on.

    Of an address its user, its password and the values of its query are secret.
    """
    global _known_form  # noqa: PLW0603 - one net for the process, as logs are
    for value in values:
        for secret in _secrets_of(value):
            _known.update(form for form in _forms_of(secret) if len(form) >= _SHORTEST)
    longest_first = sorted(_known, key=len, reverse=True)
    _known_form = re.compile("|".join(map(re.escape, longest_first))) if _known else _NOTHING


def hide_addresses(addresses: Iterable[str]) -> None:
    """Remember what is secret of addresses, whose scheme may have been forgotten."""
    hide(address if "://" in address else f"://{address}" for address in addresses)


def hide_environment(variables: Mapping[str, str]) -> None:
    """Hide what libraries underneath read for themselves: passwords, tokens, proxies with users."""
    upper = {name.upper(): value for name, value in variables.items()}
    hide(value for name, value in upper.items() if _SECRET_VARIABLE.search(name))
    hide_addresses(value for name, value in upper.items() if _ADDRESS_VARIABLE.search(name))


def without_secrets(text: str) -> str:
    """Return the text with everything secret cut out.

    In addresses that is user and password, and what follows the path: a query or a fragment may
    hold a signature or a token. Where it cannot be told what is the host, only the scheme stays.

    >>> without_secrets("mlflow at https://bob:sesame@host/x?token=1 is down")
    'mlflow at https://host/x is down'
    >>> without_secrets("postgresql://bob:ses/ame@host/x")
    'postgresql://***'
    """
    text = _ADDRESS.sub(_bare, _known_form.sub(_HIDDEN, text))
    for form, instead in _FORMS:
        text = form.sub(instead, text)
    return text


def shown(text: str) -> str:
    """Return an address or argument as manifests and people see it: no secrets, valid text."""
    return without_secrets(text).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def stream_without_secrets(stream: TextIO) -> TextIO:
    """Return a stream whose texts for people leave out what is secret: warnings, tracebacks too."""
    return cast("TextIO", stream if isinstance(stream, _Stream) else _Stream(stream))


class _Stream:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(without_secrets(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _bare(found: re.Match[str]) -> str:
    """Return an address without user, password, query and fragment."""
    scheme, rest = found.groups()
    authority = _END_OF_HOST.split(rest, maxsplit=1)[0]
    after = rest[len(authority) :]
    host = authority.rpartition("@")[2]
    plain = _PLAIN_HOST.fullmatch(authority)
    if not _HOST_AND_PORT.fullmatch(host) or ("@" in after and not plain):
        return f"{scheme}://{_HIDDEN}"
    return f"{scheme}://{host}{re.split('[?#]', after, maxsplit=1)[0]}"


def _secrets_of(value: str) -> Iterator[str]:
    """Yield what is secret of a setting: of an address its user and password, else all of it."""
    _, mark, rest = value.partition("://")
    if not mark:
        yield value
        return
    path, _, fragment = rest.partition("#")
    path, _, query = path.partition("?")
    yield from (fragment, query, *(given for _, given in parse_qsl(query)))
    authority = _END_OF_HOST.split(rest, maxsplit=1)[0]
    before, found, host = rest.rpartition("@")
    if found and not _PLAIN_HOST.fullmatch(authority):  # else what has an @ is the path
        user, _, password = before.partition(":")
        yield from (before, password) if password else (user,)
    elif not _HOST_AND_PORT.fullmatch(authority):
        yield host.partition(":")[2]  # a password whose @ and host are missing


def _forms_of(secret: str) -> Iterator[str]:
    """Yield a secret as it may be shown: in an address, in JSON, in repr, as a header."""
    for plain in {secret, unquote(secret)}:
        yield plain
        yield quote(plain)
        yield quote(plain, safe="")
        yield quote_plus(plain)
        yield json.dumps(plain)[1:-1]
        yield repr(plain)[1:-1]
        if ":" in plain:
            yield b64encode(plain.encode("utf-8", "surrogateescape")).decode()
