"""A session of an engine, in the shape of a socket: what redis-py's connections and parsers read and write.

One thread reads and another may write, subscribe or close meanwhile, as with a socket: a call into the engine is short
and under a lock, and whoever waits does so outside, at a descriptor. So signals are handled while it waits.

Invariant: the engine's handle is used by one call at a time, and by none after the end.
"""

import errno
import math
import os
import select
import socket
import threading
import time
from typing import Any, Optional, Union

from redis.exceptions import ConnectionError

from ._library import failure, ffi, lib
from .engine import Engine
from .errors import ClosedError, EngineError, ForkedError

__all__ = ["ROOM", "Descriptor", "SessionSocket", "why"]

# Bytes that are taken at a time.
ROOM = 32 * 1024

Bytes = Union[bytes, bytearray, memoryview]


class SessionSocket:
    """A session of an engine."""

    def __init__(self, engine: Engine, timeout: Optional[float] = None) -> None:
        self.engine = engine
        self._lock = threading.Lock()
        self._timeout = timeout
        self._wakeup: Optional[Descriptor] = None
        self._stash = b""
        self._gone: Optional[type[EngineError]] = None
        self.room = ffi.new("char[]", ROOM)
        self.bytes: Any = ffi.buffer(self.room)
        self.handle: Any = ffi.NULL
        self.handle = engine.open_session(self)

    # What the fast path does by itself, and what becomes of it.

    def take_rest(self, first: bytes) -> bytes:
        """What is there behind bytes that have filled the room."""
        pieces = [first]
        room = ffi.new("char[]", 8 * ROOM)
        while True:
            with self._lock:
                taken = lib.carnelian_take(self.handle, room, 8 * ROOM)
            if taken <= 0:
                # An end is found by whoever reads next.
                return b"".join(pieces)
            pieces.append(ffi.buffer(room, taken)[:])

    def unread(self, data: bytes) -> None:
        """Gives back bytes that have been taken: they are read next."""
        self._stash = data + self._stash

    def failure(self, code: int) -> BaseException:
        """Why a call into the engine has failed with a code."""
        return why(self.engine, self._gone, code)

    @property
    def has_unread(self) -> bool:
        """Whether bytes have been given back."""
        return bool(self._stash)

    # What a socket does.

    def sendall(self, data: Bytes, flags: int = 0) -> None:
        """Has the engine run requests."""
        if type(data) is not bytes:
            data = bytes(data)
        with self._lock:
            code = lib.carnelian_feed(self.handle, data, len(data))
        if code < 0:
            raise self.failure(code)

    def send(self, data: Bytes, flags: int = 0) -> int:
        self.sendall(data)
        return len(data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Takes what is there, or waits for something; nothing is the end."""
        if self._stash:
            data, self._stash = self._stash[:size], self._stash[size:]
            return data
        deadline: Optional[float] = None
        size = min(size, ROOM)
        while True:
            with self._lock:
                taken = lib.carnelian_take(self.handle, self.room, size)
                if taken > 0:
                    found: bytes = self.bytes[:taken]
                    return found
            if taken == -2:
                return b""
            if taken < 0:
                raise self.failure(taken)
            timeout = self._timeout
            if timeout == 0:
                raise BlockingIOError(errno.EAGAIN, "nothing is there")
            if timeout is not None:
                if deadline is None:
                    deadline = time.monotonic() + timeout
                timeout = deadline - time.monotonic()
                if timeout <= 0:
                    raise socket.timeout("timed out")
            self._wait(timeout)

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int:
        view = memoryview(buffer).cast("B")
        data = self.recv(nbytes or len(view))
        view[: len(data)] = data
        return len(data)

    def settimeout(self, timeout: Optional[float]) -> None:
        self._timeout = timeout

    def gettimeout(self) -> Optional[float]:
        return self._timeout

    def setblocking(self, flag: bool) -> None:
        self._timeout = None if flag else 0

    def fileno(self) -> int:
        """A descriptor that is readable when there may be something that has come by itself."""
        return self._descriptor().number

    def shutdown(self, how: int = socket.SHUT_RDWR) -> None:
        """Ends the session. Whoever waits for something is woken."""
        self._end(ClosedError)

    def close(self) -> None:
        self._end(ClosedError)

    def getpeername(self) -> str:
        return ""

    getsockname = getpeername

    # How it ends.

    def engine_closed(self) -> None:
        self._end(ClosedError)

    def engine_forked(self) -> None:
        # The lock may be held by a thread that is not in this process.
        self._lock = threading.Lock()
        self._gone, self.handle = ForkedError, ffi.NULL

    def _end(self, why: type[EngineError]) -> None:
        with self._lock:
            handle, self.handle = self.handle, ffi.NULL
            if self._gone is None:
                self._gone = why
        if handle != ffi.NULL:
            # That it is over already is no news.
            lib.carnelian_disconnect(handle)

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            self._end(ClosedError)

    # How it waits.

    def _descriptor(self) -> "Descriptor":
        with self._lock:
            if self._wakeup is None:
                number = lib.carnelian_wakeup_fd(self.handle)
                if number < 0:
                    raise self.failure(-1)
                # A descriptor of our own, so that nobody waits at one that has become somebody else's.
                self._wakeup = Descriptor(os.dup(number))
            return self._wakeup

    def _wait(self, timeout: Optional[float]) -> None:
        """Waits until something may be there, the session has ended or the time is up."""
        try:
            descriptor = self._descriptor()
        except (EngineError, OSError):
            # Ended meanwhile, as is found by whoever looks next.
            if self.handle == ffi.NULL:
                return
            raise
        if hasattr(select, "poll"):
            poller = select.poll()
            poller.register(descriptor.number, select.POLLIN)
            poller.poll(None if timeout is None else math.ceil(timeout * 1000))
        else:
            select.select([descriptor.number], [], [], timeout)


class Descriptor:
    """A descriptor that is closed when nobody waits at it any more."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __del__(self) -> None:
        os.close(self.number)


def why(engine: Engine, gone: Optional[type[EngineError]], code: int) -> BaseException:
    """Why a call of a session has failed with a code; `gone` is set if it was ended from here."""
    try:
        engine.check()
    except EngineError as error:
        return error
    if gone is not None:
        return ConnectionError("the connection has been closed")
    if code == -2:
        return BrokenPipeError(errno.EPIPE, "the session has ended")
    return OSError(errno.EIO, str(failure()))
