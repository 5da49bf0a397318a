"""Pipelines of redis-py's asyncio client, with one call into the engine for all commands.

What is done with the replies is what redis-py does with them; only how they come is ours.
"""

import inspect
from collections.abc import Mapping
from typing import Any, Optional, Union

import redis.asyncio.client
from redis.client import EMPTY_RESPONSE, NEVER_DECODE
from redis.exceptions import ResponseError

from .._callbacks import called_back
from .._plain import PlainSet
from .connection import Connection
from .pool import ConnectionPool

__all__ = ["Pipeline"]

Command = tuple[tuple[Union[str, bytes], ...], Mapping[str, Any]]


class Pipeline(PlainSet, redis.asyncio.client.Pipeline):  # type: ignore[misc]  # its own bases disagree
    """Commands that are sent together, in a transaction if so asked."""

    connection_pool: ConnectionPool

    async def _execute_pipeline(self, connection: Any, commands: list[Command], raise_on_error: bool) -> list[Any]:
        replies = await self._ask_all(connection, commands, [arguments for arguments, _ in commands])
        if replies is None:
            return await super()._execute_pipeline(connection, commands, raise_on_error)  # type: ignore[no-any-return]
        for index, (arguments, options) in enumerate(commands):
            reply = replies[index]
            if isinstance(reply, ResponseError):
                continue
            try:
                reply = called_back(self.response_callbacks, arguments[0], reply, options)
                replies[index] = await reply if inspect.isawaitable(reply) else reply
            except ResponseError as error:
                replies[index] = error
                continue
            if arguments[0] in self.UNWATCH_COMMANDS:
                self.watching = False
            elif arguments[0] == "WATCH":
                self.watching = True
        if raise_on_error:
            self.raise_first_error(commands, replies)
        return replies

    async def _ask_all(
        self, connection: Any, commands: list[Command], requests: list[tuple[Any, ...]]
    ) -> Optional[list[Any]]:
        """The replies, or None if there is something about these commands that redis-py has to see to."""
        if type(connection) is not Connection:
            return None
        for _, options in commands:
            if options and (NEVER_DECODE in options or EMPTY_RESPONSE in options):
                return None
        replies = connection.ask_all(requests)
        if replies is not None:
            await connection.read_rest(replies, len(requests))
        return replies

    # An engine that is gone does not come back: nothing to try again.

    async def _disconnect_raise_on_watching(self, conn: Any, *why: Any) -> None:
        await super()._disconnect_raise_on_watching(conn, *why)
        self.connection_pool.engine.check()

    async def _disconnect_reset_raise_on_watching(self, conn: Any, *why: Any) -> None:
        await super()._disconnect_reset_raise_on_watching(conn, *why)
        self.connection_pool.engine.check()
