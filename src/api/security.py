"""Who may ask, and what every answer says to a browser."""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from src.api.metrics import MULTIPROCESS
from src.model.core.errors import SettingsError

HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (
        b"content-security-policy",
        b"; ".join(
            (
                b"default-src 'none'",
                b"script-src 'self'",
                b"style-src 'self'",
                b"img-src 'self' data:",
                b"connect-src 'self'",
                b"form-action 'self'",
                b"base-uri 'none'",
                b"frame-ancestors 'none'",
            )
        ),
    ),
)
"""On every answer. The page loads its own script and style and nothing from elsewhere."""

_NAME = r"[A-Za-z0-9._-]{1,64}"
_LINE = re.compile(rf"({_NAME}):([0-9a-f]{{64}})")


def read_keys(path: Path | None) -> Mapping[str, bytes]:
    """Return {name: SHA-256 of the key} from a file of `name:sha256` lines.

    Empty lines and `#` comments are skipped.

    Keys are long random strings, so a plain digest of one cannot be guessed back.

    Raises:
        SettingsError: the file cannot be read, or a line is none of these.
    """
    if path is None:
        return {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        msg = f"REVIEWS_API_KEYS_FILE={path} cannot be read: {error}."
        raise SettingsError(
            msg, hint="Make it with make api-key name=NAME, or unset the variable."
        ) from error
    keys: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None or match[1] in keys:
            msg = f"{path}, line {number}, is no `name:sha256` of its own."
            raise SettingsError(msg, hint="Add a line with make api-key name=NAME.")
        keys[match[1]] = bytes.fromhex(match[2])
    if not keys:
        raise SettingsError(f"{path} holds no key.", hint="Add one with make api-key name=NAME.")
    return keys


def is_key_name(name: str) -> bool:
    """Say whether a key may be called so.

    >>> is_key_name("ann.smith"), is_key_name("ann smith")
    (True, False)
    """
    return re.fullmatch(_NAME, name) is not None


def key_owner(key: str, keys: Mapping[str, bytes]) -> str | None:
    """Return the name a key belongs to, or None.

    Every stored digest is compared, each in constant time.
    """
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
    owner = None
    for name, known in keys.items():
        if hmac.compare_digest(digest, known):
            owner = name
    return owner


@cache
def _salt() -> bytes:
    """Return what nobody knows: the same in all workers, another one after each start."""
    own, shared = secrets.token_bytes(16), os.environ.get(MULTIPROCESS)
    if not shared:
        return own
    aside, place = Path(shared) / f"salt.{os.getpid()}", Path(shared) / "salt"
    aside.touch(0o600)
    aside.write_bytes(own)
    with suppress(FileExistsError):
        os.link(aside, place)  # whole or not at all, and only the first one
    aside.unlink()
    return place.read_bytes()


def pseudonym(caller: str) -> str:
    """Return a name for a caller that tells it from others: that of its key, or no name at all.

    An address is hashed with what nobody knows, so that the log holds no addresses.

    >>> pseudonym("key shop"), len(pseudonym("address 192.0.2.7"))
    ('key shop', 15)
    """
    kind, _, name = caller.partition(" ")
    if kind == "key":
        return caller
    return f"client {hashlib.blake2b(name.encode(), key=_salt(), digest_size=4).hexdigest()}"
