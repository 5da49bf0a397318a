"""A cache of Django on an engine in its own process: Django's Redis cache, with our client.

    CACHES = {
        "default": {
            "BACKEND": "carnelian.django.Cache",
            "LOCATION": "",
            "OPTIONS": {"maxmemory": "100mb", "maxmemory_policy": "allkeys-lru"},
        }
    }

LOCATION is empty for a cache in memory, or a directory that keeps what is cached, or a URL of `Redis.from_url`. OPTIONS
are those of `carnelian.Redis`, such as `db`, the directives of redis.conf with underscores, and Django's `serializer`.

Every process has a cache of its own, and one process at a time can have a directory. Where several share a cache, one
serves its engine (`Engine.serve`) and the others use Django's own Redis cache.

Invariant: what Django makes anew for every thread, and drops with it, is one engine for all threads of a process.
"""

import threading
from typing import Any, Optional

from django.core.cache.backends.redis import RedisCache, RedisCacheClient

from .client import Redis

__all__ = ["Cache", "CacheClient"]

_lock = threading.Lock()
# Kept for good: an engine in memory would be empty again when the thread ends that opened it.
_clients: "dict[tuple[str, str], Redis]" = {}


class CacheClient(RedisCacheClient):  # type: ignore[misc]
    """What Django's Redis cache does with a server, with an engine."""

    def __init__(self, servers: "list[str]", serializer: Any = None, **options: Any) -> None:
        super().__init__(servers, serializer)
        if len(servers) > 1:
            raise ValueError("a cache in this process has one LOCATION")
        self._location = "".join(servers)
        self._options = options

    def get_client(self, key: Optional[str] = None, *, write: bool = False) -> Redis:
        """The client of this location and these options, which all threads share."""
        name = (self._location, repr(sorted(self._options.items())))
        client = _clients.get(name)
        if client is None or client.engine.closed:
            with _lock:
                client = _clients.get(name)
                # One that was opened before this process was forked is closed here: it is the parent's.
                if client is None or client.engine.closed:
                    client = _clients[name] = self._open()
        return client

    def _open(self) -> Redis:
        if self._location.startswith("carnelian://"):
            return Redis.from_url(self._location, **self._options)
        return Redis(self._location or None, **self._options)


class Cache(RedisCache):  # type: ignore[misc]
    """Django's Redis cache, on an engine in this process."""

    def __init__(self, server: Any, params: "dict[str, Any]") -> None:
        super().__init__(server, params)
        self._class = CacheClient
