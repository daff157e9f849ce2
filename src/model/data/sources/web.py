"""Files behind http(s) addresses, downloaded once and resumed where a download was cut."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import requests

from src.model.core.digest import sha256
from src.model.core.disk import saying_what_failed
from src.model.core.errors import NetworkError, SourceError, UsageError
from src.model.core.redact import without_secrets
from src.model.data.sources.kept import is_kept, note, noted

_TIMEOUT = (10, 60)
_WORDS = {
    "ChunkedEncodingError": "the server broke off",
    "ConnectionError": "the server cannot be reached, or broke off",
    "ConnectTimeout": "the server does not answer",
    "ReadTimeout": "the server stopped answering",
    "SSLError": "its certificate cannot be trusted",
}
_PAGES = {"text/html", "application/xhtml+xml"}
_CHUNK = 1 << 16  # what a download that breaks off can lose


def fetch_web(url: str, cache_dir: Path, progress: Callable[..., None]) -> Path:
    """Return a local copy of `url`.

    A partial download is continued if the server still has the same file. An address that ends in
    `#sha256=` and 64 hexadecimal digits says what the file has to be.

    Raises:
        NetworkError: the server cannot be reached, refuses, or breaks off.
        SourceError: the address names no file, leads to a web page, or to another file than meant.
        UsageError: the address is none, or its digest is none.
    """
    url, _, fragment = url.partition("#")
    expected = _expected(fragment)
    try:
        name = Path(urlsplit(url).path).name
    except ValueError as error:
        raise UsageError(f"The address is not valid: {error}.") from None
    if not name:
        msg = f"{without_secrets(url)} names no file."
        raise SourceError(msg, hint="The address must end in a file name such as reviews.csv.gz.")
    folder = cache_dir / "web" / hashlib.sha256(url.encode()).hexdigest()[:16]
    target, partial, notes = folder / name, folder / f".{name}.part", folder / f".{name}.json"
    with saying_what_failed(folder):
        if is_kept(target) and expected in {"", noted(target)}:
            return target
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _download(url, partial, notes, progress)
        except (requests.RequestException, ValueError) as error:
            done = partial.stat().st_size if partial.exists() else 0
            msg = f"{without_secrets(url)} could not be downloaded: {_reason(error)}."
            hint = (
                f"{done:,} bytes are kept; the same command goes on from there. "
                "Or pass a local path."
            )
            raise NetworkError(msg, hint=hint) from None
        notes.unlink(missing_ok=True)
        found = sha256(partial)
        if expected not in {"", found}:
            partial.unlink()
            msg = f"{without_secrets(url)} is not the file that is meant: its SHA-256 is {found}."
            raise SourceError(msg, hint=f"Expected is {expected}; nothing of it was kept.")
        partial.replace(target)
        note(target, found)
    return target


def _expected(fragment: str) -> str:
    """Return the digest after an address's `#`; empty where it says none."""
    kind, separator, digest = fragment.partition("=")
    if kind != "sha256" or not separator:
        return ""
    if not re.fullmatch("[0-9a-fA-F]{64}", digest):
        msg = f"#sha256={digest} is no digest."
        raise UsageError(msg, hint="It has 64 hexadecimal digits, as sha256sum prints them.")
    return digest.lower()


def _download(url: str, partial: Path, notes: Path, progress: Callable[..., None]) -> None:
    """Fill `partial`, from its end on where `notes` says which version of the file it is of."""
    headers = {"Accept-Encoding": "identity"}
    known = _validator(notes)
    have = partial.stat().st_size if known and partial.exists() else 0
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": known}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            partial.unlink()
            return _download(url, partial, notes, progress)
        response.raise_for_status()
        _refuse_page(response, url)
        resumed = response.status_code == requests.codes.partial_content
        have = have if resumed else 0
        validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
        if validator and not validator.startswith("W/"):
            notes.write_text(json.dumps({"validator": validator}))
        else:
            notes.unlink(missing_ok=True)  # without a strong validator a cut download starts again
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        progress(have, total)
        with partial.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_content(_CHUNK):
                file.write(chunk)
                progress(len(chunk), total)
        if total is not None and partial.stat().st_size != total:
            msg = f"the server broke off after {partial.stat().st_size:,} of {total:,} bytes"
            raise requests.ConnectionError(msg)
    return None


def _refuse_page(response: requests.Response, url: str) -> None:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in _PAGES:
        msg = f"{without_secrets(url)} is a web page ({kind}), and no table of reviews."
        raise SourceError(msg, hint="It may ask for a login; take the address of the file itself.")


def _validator(notes: Path) -> str:
    """Return the version a partial download is of.

    It is empty where that was not noted, or only half of it.
    """
    try:
        return str(json.loads(notes.read_text(encoding="utf-8"))["validator"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ""


def _reason(error: requests.RequestException | ValueError) -> str:
    response = getattr(error, "response", None)
    if response is not None:
        return f"the server answered {response.status_code} {response.reason}"
    kind = type(error).__name__  # the text of the error may repeat the address with its signature
    return "the address is not valid" if isinstance(error, ValueError) else _WORDS.get(kind, kind)
