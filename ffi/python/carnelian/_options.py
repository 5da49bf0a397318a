"""What a client is opened with: options of redis-py, directives of the engine, and URLs that say both."""

import copy
import inspect
from typing import Any, Callable, Optional
from urllib.parse import parse_qs, unquote, urlsplit

from .engine import Engine

__all__ = ["client_options", "open_engine", "pool_options", "split", "split_url"]

# redis-py's options for how a server is reached.
_REMOTE = {"host", "port", "unix_socket_path", "ssl"}
# Those that are about sockets, and do no harm.
_MOOT = {"socket_keepalive", "socket_keepalive_options"}
# Those of a client that are not its pool's; a provider of credentials is both's.
_CLIENTS = {"single_connection_client", "event_dispatcher", "auto_close_connection_pool"}
# The types of what may stand in a URL, as redis-py has them.
_IN_URLS: dict[str, Callable[[str], Any]] = {
    "db": int,
    "socket_timeout": float,
    "socket_connect_timeout": float,
    "max_connections": int,
    "health_check_interval": int,
    "protocol": int,
    "timeout": float,
}
_TRUE, _FALSE = ("true", "yes", "y", "1", "t"), ("false", "no", "n", "0", "f")


def split(client: Callable[..., Any], options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parts the options of redis-py's client, by its signature, from the directives of an engine."""
    known = inspect.signature(client).parameters
    for option in options:
        if option in _REMOTE or (option.startswith("ssl_") and option in known):
            raise TypeError(f"{option!r} is for a server: the engine is in this process")
    ours = {name: value for name, value in options.items() if name in known}
    return ours, {name: value for name, value in options.items() if name not in known}


def client_options(options: dict[str, Any]) -> dict[str, Any]:
    """Those that redis-py's client wants besides a pool."""
    return {name: value for name, value in options.items() if name in _CLIENTS or name == "credential_provider"}


def pool_options(client: Callable[..., Any], options: dict[str, Any]) -> dict[str, Any]:
    """Those that redis-py's client would make its pool with."""
    ours = {name: value for name, value in options.items() if name not in _CLIENTS and name not in _MOOT}
    # How often something is tried again is the client's own default.
    retry = inspect.signature(client).parameters["retry"].default
    ours["retry"] = copy.deepcopy(ours.get("retry", retry))
    return ours


def open_engine(
    path: Any, engine: Optional[Engine], name: Optional[str], directives: dict[str, Any]
) -> tuple[Engine, bool]:
    """The engine that a client is to have, and whether it is the client's to close."""
    if engine is None:
        return Engine(path, name=name, **directives), True
    if path is not None or name is not None or directives:
        what = "a path" if path is not None else "a name" if name is not None else ", ".join(directives)
        raise TypeError(f"the engine is open already: {what} comes too late")
    return engine, False


def split_url(url: str) -> dict[str, Any]:
    """What `carnelian:///path/to/directory?db=1`, `carnelian://name` or `carnelian://` say."""
    parts = urlsplit(url)
    if parts.scheme != "carnelian":
        raise ValueError(f"the URL of an engine begins with carnelian://, and not {url!r}")
    options: dict[str, Any] = {}
    for name, values in parse_qs(parts.query).items():
        options[name] = _value(name, values[0])
    path = unquote(parts.path)
    if parts.netloc and path.strip("/"):
        raise ValueError(f"a directory begins behind three slashes, carnelian:///path, and not as in {url!r}")
    if parts.netloc:
        options["name"] = unquote(parts.netloc)
    elif path.strip("/"):
        options["path"] = path
    return options


def _value(name: str, value: str) -> Any:
    kind = _IN_URLS.get(name)
    if kind is not None:
        return kind(value)
    if name in ("decode_responses", "single_connection_client", "legacy_responses"):
        if value.lower() not in _TRUE + _FALSE:
            raise ValueError(f"{name} is true or false")
        return value.lower() in _TRUE
    return value
