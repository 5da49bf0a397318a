"""Pools of asyncio connections to an engine in this process; see `carnelian.pool`, of which this is the asyncio side."""

from typing import Any, Optional

import redis.asyncio.connection

from .._options import open_engine, split_url
from .._redis import is_observed, no_maintenance
from ..engine import Engine, Path
from .connection import Connection

__all__ = ["BlockingConnectionPool", "ConnectionPool"]


class _EnginePool(redis.asyncio.connection.ConnectionPool):
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
        super().__init__(engine=self.engine, **no_maintenance(redis.asyncio.connection.ConnectionPool.__init__), **options)

    @classmethod
    def from_url(cls, url: str, **options: Any) -> Any:
        """A pool as a URL says: `carnelian:///path/to/directory?db=1`, `carnelian://name` or `carnelian://`.

        The path is a directory that keeps the keys. Pools of one name in a process share an engine in memory.
        """
        return cls(**{**options, **split_url(url)})

    async def aclose(self) -> None:
        """Closes all connections, and the engine if the pool has opened it."""
        if hasattr(super(), "aclose"):
            await super().aclose()
        else:
            await self.disconnect()
        if self._owns_engine:
            self.engine.close()

    def ready_connection(self) -> Optional[Connection]:
        """A connection for a command, if one is at hand about which redis-py would find nothing to do."""
        return None

    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        """A connection, ready for a command."""
        if self.engine.closed and self._owns_engine and self.engine.path is not None:
            self.engine.reopen(self._directives)
        # Old versions want the name, and new ones do not.
        return await super().get_connection(*([] if command_name is None else [command_name, *keys]), **options)


class ConnectionPool(_EnginePool):
    """A pool of connections to an engine."""

    def __init__(self, path: Optional[Path] = None, **options: Any) -> None:
        super().__init__(path, **options)
        # Somebody else's dispatcher may have to hear of each connection that comes back.
        self._is_plain = options.get("event_dispatcher") is None

    def ready_connection(self) -> Optional[Connection]:
        connections: list[Any] = self._available_connections
        if not self._is_plain or not connections or not connections[-1].is_ready() or is_observed():
            return None
        connection: Connection = connections.pop()
        self._in_use_connections.add(connection)
        return connection

    def take_back(self, connection: Connection) -> None:
        """Takes back a connection that was ready, and still is what it was."""
        if connection in self._in_use_connections:
            self._in_use_connections.remove(connection)
            self._available_connections.append(connection)


class BlockingConnectionPool(_EnginePool, redis.asyncio.connection.BlockingConnectionPool):
    """A pool whose users wait for a connection when there are no more."""
