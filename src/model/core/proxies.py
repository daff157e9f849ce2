"""Which connections take the proxy of the environment: those that leave this machine or its stack.

`http_proxy` is set on many machines, `no_proxy` on few of them completely: without more, a server
on this very machine is asked for through a proxy that cannot reach it.
"""

import ipaddress
import os
from collections.abc import Iterable, MutableMapping
from urllib.parse import urlsplit

_VARIABLES = ("no_proxy", "NO_PROXY")  # programs read the one or the other
_NEAR = (".localhost", ".local", ".internal")


def is_near(address: str) -> bool:
    """Say whether an address is on this machine, in its network, or a name of its stack.

    >>> [is_near(f"http://{host}:5000") for host in ("127.0.0.1", "[::1]", "mlflow", "a.example")]
    [True, True, True, False]
    """
    host = _host(address)
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return bool(host) and ("." not in host or host.endswith(_NEAR))
    return number.is_loopback or number.is_private or number.is_link_local


def keep_near(addresses: Iterable[str], environment: MutableMapping[str, str] = os.environ) -> None:
    """Tell every client in this process, through `no_proxy`, that near addresses take no proxy."""
    hosts = {_host(address) for address in addresses if is_near(address)}
    for variable in _VARIABLES:
        known = [part.strip() for part in environment.get(variable, "").split(",") if part.strip()]
        more = sorted(hosts | {"localhost", "127.0.0.1", "::1"})
        # In brackets some clients take it for a port and give up.
        every = [part.strip("[]") for part in known] + [host for host in more if host not in known]
        environment[variable] = ",".join(dict.fromkeys(every))


def _host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
