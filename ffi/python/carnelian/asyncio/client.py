"""`carnelian.asyncio.Redis`: redis-py's asyncio client, whose server is an engine in this process.

See `carnelian.client`, of which this is the asyncio side. The loop is never blocked by a command that waits.
"""

import inspect
from typing import Any, Optional

import redis.asyncio
from redis.client import EMPTY_RESPONSE, NEVER_DECODE
from redis.exceptions import ResponseError

from .._callbacks import called_back
from .._options import client_options, pool_options, split, split_url
from .._plain import PlainSet
from ..connection import UNSENT, WAITS
from ..engine import Engine, Path
from .pipeline import Pipeline
from .pool import ConnectionPool

__all__ = ["Redis"]


class Redis(PlainSet, redis.asyncio.Redis):  # type: ignore[misc]  # its own bases disagree
    """A client of an engine in this process, for asyncio.

    It is opened as `carnelian.Redis` is, and shares engines with it.
    """

    connection_pool: ConnectionPool

    def __init__(
        self,
        path: Optional[Path] = None,
        *,
        engine: Optional[Engine] = None,
        name: Optional[str] = None,
        connection_pool: Optional[ConnectionPool] = None,
        **options: Any,
    ) -> None:
        if connection_pool is not None:
            if not hasattr(connection_pool, "engine"):
                raise TypeError("the pool is one of servers: carnelian.ConnectionPool is one of an engine")
            super().__init__(connection_pool=connection_pool, **options)
            return
        options, directives = split(redis.asyncio.Redis.__init__, options)
        pool = ConnectionPool(
            path, engine=engine, name=name, directives=directives, **pool_options(redis.asyncio.Redis.__init__, options)
        )
        super().__init__(connection_pool=pool, **client_options(options))
        self.auto_close_connection_pool = True

    @classmethod
    def from_url(cls, url: str, **options: Any) -> "Redis":  # type: ignore[override]
        """A client as a URL says: `carnelian:///path/to/directory?db=1`, `carnelian://name` or `carnelian://`.

        The path is a directory that keeps the keys. Clients of one name in a process share an engine in memory.
        """
        return cls(**{**options, **split_url(url)})

    @property
    def engine(self) -> Engine:
        """The engine that it is a client of."""
        return self.connection_pool.engine

    def pipeline(self, transaction: bool = True, shard_hint: Optional[str] = None) -> Pipeline:
        return Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        pool = self.connection_pool
        # Not for a connection of its own.
        connection = None if self.single_connection_client else pool.ready_connection()
        if connection is None:
            return await super().execute_command(*args, **options)
        waited = False
        try:
            reply = connection.ask(args, NEVER_DECODE in options)
            if reply is WAITS:
                waited = True
                return await self._wait(connection, args, options)
            if isinstance(reply, ResponseError):
                if EMPTY_RESPONSE in options:
                    return options[EMPTY_RESPONSE]
                raise reply
        finally:
            if waited or not connection.is_ready():
                await pool.release(connection)
            else:
                pool.take_back(connection)
        if reply is UNSENT:
            return await super().execute_command(*args, **options)
        result = called_back(self.response_callbacks, args[0], reply, options)
        return await result if inspect.isawaitable(result) else result

    async def aclose(self, close_connection_pool: Optional[bool] = None) -> None:
        """Closes its connections, and the engine if it has opened it and nobody else uses it."""
        await super().aclose(close_connection_pool)
        # Old versions only disconnect the pool.
        if close_connection_pool or (close_connection_pool is None and self.auto_close_connection_pool):
            await self.connection_pool.aclose()

    async def _wait(self, connection: Any, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Waits for the reply of a command that has been sent, and sends it again if redis-py would."""
        sent = True

        async def attempt() -> Any:
            nonlocal sent
            if sent:
                sent = False
                return await self.parse_response(connection, args[0], **options)
            return await self._send_command_parse_response(connection, args[0], *args, **options)

        async def give_up(error: Exception) -> None:
            await connection.disconnect()
            self.engine.check()

        return await connection.retry.call_with_retry(attempt, give_up)

    async def _close_connection(self, conn: Any, *why: Any) -> None:
        await super()._close_connection(conn, *why)
        # An engine that is gone does not come back: nothing to try again.
        self.engine.check()
