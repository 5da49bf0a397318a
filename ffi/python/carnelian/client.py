"""`carnelian.Redis`: redis-py's client, whose server is an engine in this process.

It is a `redis.Redis`. What is ours is how it is opened, and a short way for single commands: a connection that is ready,
one call into the engine, and redis-py's response callbacks. Whatever is out of the ordinary goes redis-py's way.
"""

from typing import Any, Optional

import redis
from redis.client import EMPTY_RESPONSE, NEVER_DECODE
from redis.exceptions import ResponseError

from ._callbacks import called_back
from ._options import client_options, pool_options, split, split_url
from ._plain import PlainSet
from .connection import UNSENT, WAITS, Connection
from .engine import Engine, Path
from .pipeline import Pipeline
from .pool import ConnectionPool

__all__ = ["Redis"]


class Redis(PlainSet, redis.Redis):
    """A client of an engine in this process.

    `Redis()` has an engine of its own, in memory. `Redis("data")` has the engine that keeps its keys in that directory;
    whoever opens the same directory in this process shares it. `Redis(engine=engine)` has one that you have opened.

    Options are those of `redis.Redis`, as far as they are not about how a server is reached, and the directives of
    redis.conf, with underscores: `Redis("data", decode_responses=True, appendfsync="always")`. Nothing limits how long
    a command may wait unless `socket_timeout` is given.
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
        options, directives = split(redis.Redis.__init__, options)
        pool = ConnectionPool(
            path, engine=engine, name=name, directives=directives, **pool_options(redis.Redis.__init__, options)
        )
        super().__init__(connection_pool=pool, **client_options(options))
        self.auto_close_connection_pool = True

    @classmethod
    def from_url(cls, url: str, **options: Any) -> "Redis":
        """A client as a URL says: `carnelian:///path/to/directory?db=1`, `carnelian://name` or `carnelian://`.

        The path is a directory that keeps the keys. Clients of one name in a process share an engine in memory.
        """
        return cls(**{**options, **split_url(url)})

    @property
    def engine(self) -> Engine:
        """The engine that it is a client of."""
        return self.connection_pool.engine

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        return Pipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        pool = self.connection_pool
        # Not for a connection of its own, nor while somebody measures what redis-py does.
        connection = None if self.connection is not None else pool.ready_connection()
        if connection is None:
            return super().execute_command(*args, **options)
        try:
            reply = connection.ask(args, NEVER_DECODE in options)
            if reply is WAITS:
                return self._wait(connection, args, options)
            if isinstance(reply, ResponseError):
                if EMPTY_RESPONSE in options:
                    return options[EMPTY_RESPONSE]
                raise reply
        finally:
            pool.release(connection)
        if reply is UNSENT:
            return super().execute_command(*args, **options)
        return called_back(self.response_callbacks, args[0], reply, options)

    def _wait(self, connection: Connection, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Waits for the reply of a command that has been sent, and sends it again if redis-py would."""
        sent = True

        def attempt() -> Any:
            nonlocal sent
            if sent:
                sent = False
                return self.parse_response(connection, args[0], **options)
            return self._send_command_parse_response(connection, args[0], *args, **options)

        def give_up(error: Exception) -> None:
            connection.disconnect()
            self.engine.check()

        return connection.retry.call_with_retry(attempt, give_up)

    def _close_connection(self, conn: Any, *why: Any) -> None:
        super()._close_connection(conn, *why)
        # An engine that is gone does not come back: nothing to try again.
        self.engine.check()

    def close(self) -> None:
        """Closes its connections, and the engine if it has opened it and nobody else uses it."""
        super().close()
        # Old versions only disconnect the pool.
        if getattr(self, "auto_close_connection_pool", False):
            self.connection_pool.close()

    def __del__(self) -> None:
        # The pool may be in other hands still, and closes its engine when it is not.
        connection = getattr(self, "connection", None)
        if connection is not None:
            self.connection_pool.release(connection)
