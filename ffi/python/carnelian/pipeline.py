"""Pipelines of redis-py, with one call into the engine for all commands.

What is done with the replies is what redis-py does with them; only how they come is ours.
"""

from typing import Any, Optional

import redis.client
from redis.client import EMPTY_RESPONSE, NEVER_DECODE
from redis.exceptions import ExecAbortError, ResponseError, WatchError

from ._callbacks import called_back
from ._plain import PlainSet
from .connection import Connection
from .pool import ConnectionPool

__all__ = ["Pipeline"]

Command = tuple[tuple[Any, ...], dict[str, Any]]

_MULTI, _EXEC = ("MULTI",), ("EXEC",)


class Pipeline(PlainSet, redis.client.Pipeline):
    """Commands that are sent together, in a transaction if so asked."""

    connection_pool: ConnectionPool

    def _execute_pipeline(self, connection: Any, commands: list[Command], raise_on_error: bool) -> list[Any]:
        replies = self._ask_all(connection, commands, [arguments for arguments, _ in commands])
        if replies is None:
            return super()._execute_pipeline(connection, commands, raise_on_error)  # type: ignore[no-any-return]
        for index, (arguments, options) in enumerate(commands):
            replies[index] = self._result(arguments[0], replies[index], options)
        if raise_on_error:
            self.raise_first_error(commands, replies)
        return replies

    def _execute_transaction(self, connection: Any, commands: list[Command], raise_on_error: bool) -> list[Any]:
        replies = self._ask_all(connection, commands, [_MULTI, *(arguments for arguments, _ in commands), _EXEC])
        if replies is None:
            return super()._execute_transaction(connection, commands, raise_on_error)  # type: ignore[no-any-return]
        results = replies.pop()
        errors = [(max(at - 1, 0), reply) for at, reply in enumerate(replies) if isinstance(reply, ResponseError)]
        for at, error in errors:
            if error is not replies[0]:
                self.annotate_exception(error, at + 1, commands[at][0])
        if isinstance(results, ExecAbortError) and errors:
            raise errors[0][1]
        if isinstance(results, ResponseError):
            raise results
        self.watching = False
        if results is None:
            raise WatchError("Watched variable changed.")
        for at, error in errors:
            results.insert(at, error)
        if len(results) != len(commands):
            connection.disconnect()
            raise ResponseError("Wrong number of response items from pipeline execution")
        if raise_on_error:
            self.raise_first_error(commands, results)
        for at, (arguments, options) in enumerate(commands):
            if not isinstance(results[at], Exception):
                results[at] = called_back(self.response_callbacks, arguments[0], results[at], options)
        return results  # type: ignore[no-any-return]

    def _ask_all(
        self, connection: Any, commands: list[Command], requests: list[tuple[Any, ...]]
    ) -> Optional[list[Any]]:
        """The replies, or None if there is something about these commands that redis-py has to see to."""
        if type(connection) is not Connection:
            return None
        for _, options in commands:
            if options and (NEVER_DECODE in options or EMPTY_RESPONSE in options):
                return None
        return connection.ask_all(requests)

    def _result(self, name: Any, reply: Any, options: dict[str, Any]) -> Any:
        if isinstance(reply, ResponseError):
            return reply
        try:
            result = called_back(self.response_callbacks, name, reply, options)
        except ResponseError as error:
            return error
        if name in self.UNWATCH_COMMANDS:
            self.watching = False
        elif name == "WATCH":
            self.watching = True
        return result

    # An engine that is gone does not come back: nothing to try again.

    def _disconnect_raise_on_watching(self, conn: Any, *why: Any) -> None:
        super()._disconnect_raise_on_watching(conn, *why)
        self.connection_pool.engine.check()

    def _disconnect_reset_raise_on_watching(self, conn: Any, *why: Any) -> None:
        super()._disconnect_reset_raise_on_watching(conn, *why)
        self.connection_pool.engine.check()
