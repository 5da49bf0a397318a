"""Pools of connections to an engine in this process.

A pool is redis-py's own. What is ours is whose the engine is, and a short way to a connection that is ready.

Invariant: a pool that has opened its engine closes it, when it is closed or nobody has it any more. A pool that was closed
opens it again when it is used again, as redis-py's connects again; if that would lose what was in memory, it refuses.
"""

from typing import Any, Optional

import redis.connection

from ._options import open_engine, split_url
from ._redis import is_observed, no_maintenance
from .connection import Connection
from .engine import Engine, Path

__all__ = ["BlockingConnectionPool", "ConnectionPool"]


class _EnginePool(redis.connection.ConnectionPool):
    """What is common to pools of an engine."""

    def __init__(
        self,
        path: Optional[Path] = None,
        *,
        engine: Optional[Engine] = None,
        name: Optional[str] = None,
        directives: Optional[dict[str, Any]] = None,
        **options: Any,
    ) -> None:
        self.engine, self._owns_engine = open_engine(path, engine, name, directives or {})
        self._directives = directives or {}
        options.setdefault("connection_class", Connection)
        super().__init__(engine=self.engine, **no_maintenance(redis.connection.ConnectionPool.__init__), **options)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Any:
        """A pool as a URL says: `carnelian:///path/to/directory?db=1`, `carnelian://name` or `carnelian://`.

        The path is a directory that keeps the keys. Pools of one name in a process share an engine in memory.
        """
        return cls(**{**options, **split_url(url)})

    def close(self) -> None:
        """Closes all connections, and the engine if the pool has opened it."""
        self.disconnect()
        if self._owns_engine:
            self.engine.close()

    def ready_connection(self) -> Optional[Connection]:
        """A connection for a command, if one is at hand about which redis-py would find nothing to do."""
        return None

    def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        """A connection, ready for a command."""
        connection = self.ready_connection()
        if connection is not None:
            return connection
        if self.engine.closed and self._owns_engine and self.engine.path is not None:
            self.engine.reopen(self._directives)
        # Before any lock: in a forked child it may be held by a thread that is not there.
        self.engine.check()
        # Old versions want the name, and new ones do not.
        return super().get_connection(*([] if command_name is None else [command_name, *keys]), **options)


class ConnectionPool(_EnginePool):
    """A pool of connections to an engine."""

    def __init__(self, path: Optional[Path] = None, **options: Any) -> None:
        super().__init__(path, **options)
        # Somebody else's dispatcher may have to hear of each connection that comes back.
        self._is_plain = options.get("event_dispatcher") is None and getattr(self, "cache", None) is None

    def ready_connection(self) -> Optional[Connection]:
        if not self._is_plain or self.engine.closed or is_observed():
            return None
        with self._lock:
            connections = self._available_connections
            if not connections or not connections[-1].is_ready():
                return None
            connection: Connection = connections.pop()
            self._in_use_connections.add(connection)
            return connection

    def release(self, connection: Any) -> None:
        """Takes a connection back."""
        if self._is_plain and not is_observed() and connection.is_ready():
            with self._lock:
                if connection in self._in_use_connections:
                    self._in_use_connections.remove(connection)
                    self._available_connections.append(connection)
            return
        super().release(connection)


class BlockingConnectionPool(_EnginePool, redis.connection.BlockingConnectionPool):
    """A pool whose users wait for a connection when there are no more."""
