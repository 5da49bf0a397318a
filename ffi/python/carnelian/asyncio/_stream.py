"""A session of an engine in the shape of asyncio's streams: what redis-py's asyncio connections read and write.

Requests run when they are written, in the loop's thread, and their replies are there to be read at once. What has to
wait, a blocking command, the disk or a message, comes later: the loop is told by a descriptor.

Invariant: nothing here waits. The session is used by the loop's thread alone.
"""

import asyncio
import os
from collections.abc import Iterable
from typing import Any, Optional

from .._library import ffi, lib
from .._socket import ROOM, Descriptor, why
from ..engine import Engine
from ..errors import ClosedError, EngineError, ForkedError

__all__ = ["SessionStream"]


class SessionStream:
    """A session of an engine: the writing end, and through `reader` the reading end."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.handle: Any = ffi.NULL
        self.loop = asyncio.get_running_loop()
        self.reader = asyncio.StreamReader(loop=self.loop)
        self.room = ffi.new("char[]", ROOM)
        self.bytes = ffi.buffer(self.room)
        self._gone: Optional[type[EngineError]] = None
        self._watched: Optional[Descriptor] = None
        self.handle = engine.open_session(self)

    def begin(self) -> None:
        """Has the loop look whenever something has come by itself."""
        number = lib.carnelian_wakeup_fd(self.handle)
        if number < 0:
            raise self.failure(-1)
        # A descriptor of our own: an engine that another thread closes must not take it from the loop.
        self._watched = Descriptor(os.dup(number))
        self.loop.add_reader(self._watched.number, self.look)

    def look(self) -> None:
        """Takes what is there to the reader."""
        while True:
            taken = lib.carnelian_take(self.handle, self.room, ROOM)
            if taken <= 0:
                break
            self.reader.feed_data(self.bytes[:taken])
        if taken < 0:
            self._end(self._gone)

    def take_rest(self, first: bytes) -> bytes:
        """What is there behind bytes that have filled the room."""
        pieces = [first]
        while True:
            taken = lib.carnelian_take(self.handle, self.room, ROOM)
            if taken <= 0:
                return b"".join(pieces)
            pieces.append(self.bytes[:taken])

    def failure(self, code: int) -> BaseException:
        """Why a call into the engine has failed with a code."""
        return why(self.engine, self._gone, code)

    # What a StreamWriter does.

    def write(self, data: bytes) -> None:
        """Has the engine run requests."""
        code = lib.carnelian_feed(self.handle, data, len(data))
        if code < 0:
            raise self.failure(code)
        if code > 0:
            self.look()

    def writelines(self, pieces: Iterable[Any]) -> None:
        self.write(b"".join(pieces))

    async def drain(self) -> None:
        pass

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return self._gone is not None

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def close(self) -> None:
        """Ends the session; whoever reads finds the end."""
        self._end(ClosedError)

    async def wait_closed(self) -> None:
        pass

    # How it ends.

    def engine_closed(self) -> None:
        """From any thread."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self.loop:
            self._end(ClosedError)
            return
        self._gone = ClosedError
        try:
            self.loop.call_soon_threadsafe(self._end, ClosedError)
        except RuntimeError:
            # The loop is over, and nobody reads any more.
            self._disconnect()

    def engine_forked(self) -> None:
        # The loop that there was is the parent's.
        self._gone, self.handle = ForkedError, ffi.NULL

    def _end(self, why: Optional[type[EngineError]]) -> None:
        watched, self._watched = self._watched, None
        if watched is not None:
            try:
                self.loop.remove_reader(watched.number)
            except RuntimeError:
                # The loop is over.
                pass
        if self._gone is None:
            self._gone = why
        if not self.reader.at_eof():
            self.reader.feed_eof()
        self._disconnect()

    def _disconnect(self) -> None:
        handle, self.handle = self.handle, ffi.NULL
        if handle != ffi.NULL:
            # That it is over already is no news.
            lib.carnelian_disconnect(handle)

    def __del__(self) -> None:
        if getattr(self, "handle", None):
            self._disconnect()
