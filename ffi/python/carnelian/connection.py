"""Connections of redis-py whose other end is an engine in this process.

A connection is redis-py's own, with a session in the place of its socket: handshake, parsers, pushes, health checks and
retries are what they are. What is ours is the short way that most commands take: one call into the engine with the
request, out of which comes the reply.

Invariant: on the short way nothing has another outcome than on redis-py's.
"""

from typing import Any, Callable, Optional, Union

import redis.connection
from redis._parsers.socket import SERVER_CLOSED_CONNECTION_ERROR
from redis.exceptions import ConnectionError, ResponseError

from ._library import lib
from ._replies import Unread, read
from ._requests import pack
from ._socket import ROOM, SessionSocket
from .engine import Engine

__all__ = ["UNSENT", "WAITS", "Connection"]

# The reply to a command has not been read yet; the command has not been sent.
WAITS, UNSENT = object(), object()

_exchange = lib.carnelian_exchange
# Milliseconds that a short wait may take, as that for the disk, before it is one that can be interrupted.
_SHORT = 20


class Connection(redis.connection.AbstractConnection):
    """A connection to an engine."""

    # Nothing that could be reached from elsewhere; redis-py looks these up.
    host = None  # type: ignore[assignment]
    port = None
    _sock: Optional[SessionSocket]  # type: ignore[assignment]

    def __init__(self, *, engine: Engine, **options: Any) -> None:
        self.engine = engine
        options.setdefault("socket_timeout", None)
        # Not of every version.
        self._should_reconnect = False
        self._re_auth_token = None
        super().__init__(**options)
        self._read_ahead = False
        self._is_doubtful = False
        encoder = self.encoder
        plain = encoder.encoding.lower() in ("utf-8", "utf8") and encoder.encoding_errors == "strict"
        self._encode_text: Callable[[Any], Any] = str.encode if plain else encoder.encode
        self._decode: Optional[Callable[[bytes], Any]] = None
        if encoder.decode_responses:
            self._decode = bytes.decode if plain else encoder.decode
        # Whoever brings a packer wants it used, and health checks are between a command and the next.
        self._is_plain = options.get("command_packer") is None and not self.health_check_interval

    def repr_pieces(self) -> list[tuple[str, Union[str, int]]]:
        pieces: list[tuple[str, Union[str, int]]] = [("engine", repr(self.engine)), ("db", self.db)]
        if self.client_name:
            pieces.append(("client_name", self.client_name))
        return pieces

    def connect(self) -> None:
        # An engine that is gone does not come back: nothing to try again.
        self.engine.check()
        super().connect()

    def connect_check_health(self, *arguments: Any, **options: Any) -> None:
        self.engine.check()
        super().connect_check_health(*arguments, **options)

    def _connect(self) -> SessionSocket:
        self._is_doubtful = False
        return SessionSocket(self.engine, self.socket_timeout)

    def _host_error(self) -> str:
        return repr(self.engine)

    def read_response(self, *arguments: Any, **options: Any) -> Any:
        # redis-py's parser reads ahead.
        self._read_ahead = True
        return super().read_response(*arguments, **options)

    def is_ready(self) -> bool:
        """Whether it is connected and what redis-py would do between two commands need not be done."""
        return (
            self._is_plain
            and self._sock is not None
            and not self._is_doubtful
            and not self._should_reconnect
            and self._re_auth_token is None
        )

    def _error_message(self, exception: BaseException) -> str:
        return f"Error connecting to {self.engine!r}: {exception}"

    def ask(self, arguments: tuple[Any, ...], raw: bool = False) -> Any:
        """The reply to a command, or the error that it is; `WAITS` if it is yet to be read, `UNSENT` if nothing was sent.

        For whom neither is an answer, redis-py's way is open.
        """
        socket = self._sock
        request = pack(arguments, self._encode_text, self.encoder.encode)
        if request is None or socket is None or self._has_leftovers(socket):
            return UNSENT
        taken = _exchange(socket.handle, request, len(request), socket.room, ROOM, _SHORT)
        if taken <= 0:
            # An ended session (-2) may have ended by this command; one that cannot be used (-1) has not run it.
            return UNSENT if taken == -1 else WAITS
        data = socket.bytes[:taken]
        if taken == ROOM:
            data = socket.take_rest(data)
        try:
            reply, end = read(data, 0, None if raw else self._decode, self._parser.parse_error)
        except Unread:
            socket.unread(data)
            return WAITS
        except BaseException:
            # What cannot be decoded. As in redis-py, the connection is given up.
            self.disconnect()
            raise
        if end < len(data):
            socket.unread(data[end:])
        return reply

    def ask_all(self, commands: list[tuple[Any, ...]]) -> Optional[list[Any]]:
        """Sends commands and reads a reply for each; errors are among the replies. None if redis-py has to do it."""
        socket = self._sock
        if socket is None or not self._is_plain or self._has_leftovers(socket):
            return None
        encode_text, encode = self._encode_text, self.encoder.encode
        requests = []
        for arguments in commands:
            request = pack(arguments, encode_text, encode)
            if request is None:
                return None
            requests.append(request)
        data = self._exchange(socket, b"".join(requests))
        replies: list[Any] = []
        at, count = 0, len(commands)
        decode, error = self._decode, self._parser.parse_error
        try:
            for _ in range(count):
                reply, at = read(data, at, decode, error)
                replies.append(reply)
        except Unread:
            pass
        except BaseException:
            self.disconnect()
            raise
        if at < len(data):
            socket.unread(data[at:])
        while len(replies) < count:
            try:
                replies.append(self.read_response())
            except ResponseError as reply:
                replies.append(reply)
        return replies

    def _exchange(self, socket: SessionSocket, request: bytes) -> bytes:
        """Has a request run; returns what is there at once, which is nothing if it has to wait."""
        taken = _exchange(socket.handle, request, len(request), socket.room, ROOM, _SHORT)
        if taken >= 0:
            data: bytes = socket.bytes[:taken]
            return data if taken < ROOM else socket.take_rest(data)
        # As redis-py does when reading fails.
        error = ConnectionError(SERVER_CLOSED_CONNECTION_ERROR) if taken == -2 else socket.failure(taken)
        self.disconnect()
        if isinstance(error, OSError):
            raise ConnectionError(f"Error while reading from {self._host_error()} : {error.args}")
        raise error

    def _has_leftovers(self, socket: SessionSocket) -> bool:
        """Whether something has come that has not been read, so that the next bytes are not the next reply's."""
        if self._read_ahead and not socket.has_unread:
            try:
                self._read_ahead = self._parser.can_read(0)
            except (ConnectionError, OSError):
                # It has ended. redis-py's pool finds that as well, and connects again.
                self._is_doubtful = True
        return self._read_ahead or socket.has_unread
