"""Connections of redis-py's asyncio client whose other end is an engine in this process.

A connection is redis-py's own, with a session in the place of its streams; see `carnelian.connection`, of which this is
the asyncio side. The loop never waits for the engine: what is not there at once is read when the loop is told of it.
"""

import asyncio
from typing import Any, Callable, Optional, Union

import redis.asyncio.connection
from redis.exceptions import ResponseError

from .._library import lib
from .._replies import Unread, read
from .._requests import pack
from .._socket import ROOM
from ..connection import UNSENT, WAITS
from ..engine import Engine
from ._stream import SessionStream

__all__ = ["Connection"]

_exchange = lib.carnelian_exchange


class Connection(redis.asyncio.connection.AbstractConnection):
    """A connection to an engine."""

    # Nothing that could be reached from elsewhere; redis-py looks these up.
    host = None  # type: ignore[assignment]
    port = None
    _writer: Optional[SessionStream]  # type: ignore[assignment]

    def __init__(self, *, engine: Engine, **options: Any) -> None:
        self.engine = engine
        # Not of every version.
        self._should_reconnect = False
        self._re_auth_token = None
        options.setdefault("socket_timeout", None)
        super().__init__(**options)
        encoder = self.encoder
        plain = encoder.encoding.lower() in ("utf-8", "utf8") and encoder.encoding_errors == "strict"
        self._encode_text: Callable[[Any], Any] = str.encode if plain else encoder.encode
        self._decode: Optional[Callable[[bytes], Any]] = None
        if encoder.decode_responses:
            self._decode = bytes.decode if plain else encoder.decode
        self._is_plain = not self.health_check_interval

    def repr_pieces(self) -> list[tuple[str, Union[str, int]]]:
        pieces: list[tuple[str, Union[str, int]]] = [("engine", repr(self.engine)), ("db", self.db)]
        if self.client_name:
            pieces.append(("client_name", self.client_name))
        return pieces

    async def connect(self) -> None:
        # An engine that is gone does not come back: nothing to try again.
        self.engine.check()
        self._leave_loop()
        await super().connect()

    async def connect_check_health(self, *arguments: Any, **options: Any) -> None:
        self.engine.check()
        self._leave_loop()
        await super().connect_check_health(*arguments, **options)

    def _leave_loop(self) -> None:
        """Gives up a session that another loop, which is over, has been told of."""
        stream = self._writer
        if stream is not None and stream.loop is not asyncio.get_running_loop():
            self._parser.on_disconnect()
            self._close()

    async def _connect(self) -> None:
        stream = SessionStream(self.engine)
        stream.begin()
        self._reader, self._writer = stream.reader, stream

    def _host_error(self) -> str:
        return repr(self.engine)

    def _error_message(self, exception: BaseException) -> str:
        return f"Error connecting to {self.engine!r}: {exception}"

    def is_ready(self) -> bool:
        """Whether it is connected and what redis-py would do between two commands need not be done."""
        return (
            self._is_plain
            and self._writer is not None
            and self._writer.loop is asyncio.get_running_loop()
            and not self._should_reconnect
            and self._re_auth_token is None
        )

    def ask(self, arguments: tuple[Any, ...], raw: bool = False) -> Any:
        """The reply to a command, or the error that it is; `WAITS` if it is yet to be read, `UNSENT` if nothing was sent.

        For whom neither is an answer, redis-py's way is open.
        """
        stream = self._writer
        request = pack(arguments, self._encode_text, self.encoder.encode)
        if request is None or stream is None or self._has_leftovers(stream):
            return UNSENT
        taken = _exchange(stream.handle, request, len(request), stream.room, ROOM, 0)
        if taken <= 0:
            if taken == -2:
                stream.look()
            return UNSENT if taken == -1 else WAITS
        data = stream.bytes[:taken]
        if taken == ROOM:
            data = stream.take_rest(data)
        try:
            reply, end = read(data, 0, None if raw else self._decode, self._parser.parse_error)
        except Unread:
            stream.reader.feed_data(data)
            return WAITS
        except BaseException:
            # What cannot be decoded. As in redis-py, the connection is given up.
            self._close()
            raise
        if end < len(data):
            stream.reader.feed_data(data[end:])
        return reply

    def ask_all(self, commands: list[tuple[Any, ...]]) -> Optional[list[Any]]:
        """Sends commands and reads what replies are there at once, errors among them; None if redis-py has to do it."""
        stream = self._writer
        if stream is None or not self._is_plain or self._has_leftovers(stream):
            return None
        requests = []
        for arguments in commands:
            request = pack(arguments, self._encode_text, self.encoder.encode)
            if request is None:
                return None
            requests.append(request)
        request = b"".join(requests)
        taken = _exchange(stream.handle, request, len(request), stream.room, ROOM, 0)
        if taken == -1:
            return None
        if taken == -2:
            stream.look()
            return []
        data = stream.bytes[:taken]
        if taken == ROOM:
            data = stream.take_rest(data)
        replies: list[Any] = []
        at = 0
        try:
            for _ in commands:
                reply, at = read(data, at, self._decode, self._parser.parse_error)
                replies.append(reply)
        except Unread:
            pass
        except BaseException:
            self._close()
            raise
        if at < len(data):
            stream.reader.feed_data(data[at:])
        return replies

    async def read_rest(self, replies: list[Any], count: int) -> None:
        """Reads replies until there are so many; errors are among them."""
        while len(replies) < count:
            try:
                replies.append(await self.read_response())
            except ResponseError as reply:
                replies.append(reply)

    def _has_leftovers(self, stream: SessionStream) -> bool:
        """Whether something has come that has not been read, so that the next bytes are not the next reply's."""
        if stream.reader._buffer or stream.reader.at_eof():  # type: ignore[attr-defined]
            return True
        return bool(getattr(self._parser, "_buffer", None))
