"""Engines: Redis's data model in this process, in memory or kept in a directory.

A directory belongs to one engine, so whoever opens it again in this process shares the one that is open; it is closed
with the last of them. What is not shared is private.

Invariant: an `Engine` that was closed, or came here by fork, is refused by everything that is asked of it, and its
sessions have ended.
"""

import atexit
import os
import threading
import weakref
from types import TracebackType
from typing import Any, Optional, Protocol, Union

from ._library import failure, ffi, lib
from .errors import FORKED, ClosedError, EngineError, ForkedError

__all__ = ["Address", "Clock", "Engine"]

Path = Union[str, "os.PathLike[str]"]
Directive = Union[str, int, float, bool]
# Where an engine is served: host and port, or the path of a Unix socket.
Address = Union[tuple[str, int], str]

_lock = threading.RLock()
# Open engines that are shared, by what they are found by.
_shared: dict[tuple[str, str], "_Core"] = {}
_cores: "weakref.WeakSet[_Core]" = weakref.WeakSet()
_engines: "weakref.WeakSet[Engine]" = weakref.WeakSet()
_program_ends = False


class Session(Protocol):
    """What an engine has to be able to do with the sessions that were opened through it."""

    def engine_closed(self) -> None: ...
    def engine_forked(self) -> None: ...


class Engine:
    """Redis's data model in this process.

    `path` is the directory that keeps the keys; without one they are in memory only. `name` is for engines in memory
    that are to be shared: who opens the same name in this process gets the same one. The directives are those of
    redis.conf, with underscores: `Engine("data", appendfsync="always", maxmemory="100mb")`. With `clock`, in seconds
    since 1970, the engine's time stands still and is turned by `engine.clock.advance(seconds)`, for tests.

    Any number of clients and threads may share an engine. It is closed by `close()`, at the end of a `with` block, or
    when the program ends.
    """

    def __init__(
        self,
        path: Optional[Path] = None,
        *,
        name: Optional[str] = None,
        clock: Optional[float] = None,
        **directives: Directive,
    ) -> None:
        self._core: Optional[_Core] = None
        self._gone: type[EngineError] = ClosedError
        self._sessions: "weakref.WeakSet[Any]" = weakref.WeakSet()
        if path is not None and name is not None:
            raise TypeError("an engine has a path or a name")
        self.path = None if path is None else os.fsdecode(os.path.realpath(path))
        self.name = name
        self._core = _acquire(self.path, name, clock, directives)
        with _lock:
            _engines.add(self)

    def reopen(self, directives: "dict[str, Directive]") -> None:
        """Opens it again after `close()`, for a pool that may be used again. Only with a path is this the same engine."""
        with _lock:
            if self._core is None and self._gone is ClosedError and not _program_ends:
                self._core = _acquire(self.path, self.name, None, directives)

    def close(self) -> None:
        """Ends all sessions that were opened through this, and with the last that shares it the engine itself.

        What was changed is on the disk when it returns.
        """
        with _lock:
            core, self._core = self._core, None
            sessions = list(self._sessions) if core is not None else []
        if core is None:
            return
        for session in sessions:
            session.engine_closed()
        core.release()

    @property
    def closed(self) -> bool:
        """Whether it cannot be used (any more)."""
        return self._core is None

    def serve(self, host: str = "127.0.0.1", port: int = 0) -> Address:
        """Serves Redis clients until the engine is closed; returns where.

        Port 0 is a free one. A host that begins with `/` is the path of a Unix socket. Nobody is asked for a password
        unless there is a `requirepass`, so think before you choose a host that others can reach.
        """
        served = lib.carnelian_serve(self.handle, host.encode(), port)
        if served < 0:
            raise failure()
        return host if host.startswith("/") else (host, served)

    @property
    def clock(self) -> "Clock":
        """The engine's clock, of an engine that was opened with one."""
        clock = self._live().clock
        if clock is None:
            raise EngineError("the engine was opened without a clock: Engine(clock=time.time())")
        return clock

    def check(self) -> None:
        """Raises what is wrong if the engine cannot be used."""
        self._live()

    @property
    def handle(self) -> Any:
        """The engine in C."""
        return self._live().handle

    def open_session(self, session: Session) -> Any:
        """Opens a session in C on behalf of one in Python, which is told when it has to end."""
        handle = lib.carnelian_connect(self.handle)
        if handle == ffi.NULL:
            raise failure()
        with _lock:
            if self._core is not None:
                self._sessions.add(session)
                return handle
        lib.carnelian_disconnect(handle)
        raise self._refusal()

    def _live(self) -> "_Core":
        core = self._core
        if core is None or core.handle is None:
            raise self._refusal()
        return core

    def _refusal(self) -> EngineError:
        return refusal(self._gone)

    def _forked(self) -> None:
        self._core, self._gone = None, ForkedError
        for session in list(self._sessions):
            session.engine_forked()

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self,
        kind: Optional[type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_core", None) is not None:
            self.close()

    def __repr__(self) -> str:
        if self.path is not None:
            what = repr(self.path)
        else:
            what = "in memory" if self.name is None else f"in memory, {self.name!r}"
        return f"<carnelian.Engine {what}{' (closed)' if self.closed else ''}>"

    # Locks and threads are not copied, and an engine is more than these.
    def __reduce__(self) -> str:
        raise TypeError("an engine cannot be pickled: open its path again, or serve it")


class Clock:
    """The clock of an engine that was opened with one: it stands still until it is turned."""

    def __init__(self, core: "_Core", now: float) -> None:
        self._core = weakref.ref(core)
        self._millis = round(now * 1000)
        self._lock = threading.Lock()

    def advance(self, seconds: float) -> None:
        """Turns it forward. Keys expire by it; how long a call waits, as in BLPOP, is real time."""
        millis = round(seconds * 1000)
        if millis < 0:
            raise ValueError("a clock is not turned back")
        core = self._core()
        if core is None or core.handle is None:
            raise ClosedError("the engine has been closed")
        with self._lock:
            if lib.carnelian_advance_clock(core.handle, millis) != 0:
                raise failure()
            self._millis += millis

    def time(self) -> float:
        """What it shows, in seconds since 1970."""
        return self._millis / 1000


class _Core:
    """An engine that is open, and how many share it."""

    def __init__(self, path: Optional[str], clock: Optional[float], directives: dict[str, str]) -> None:
        self.directives = directives
        self.key: Optional[tuple[str, str]] = None
        self.users = 1
        pairs = list(directives.items())
        if clock is not None:
            pairs.append(("manual-clock", str(round(clock * 1000))))
        words = [ffi.new("char[]", word.encode()) for pair in pairs for word in pair]
        options = ffi.new("char *[]", words)
        location = ffi.NULL if path is None else ffi.new("char[]", os.fsencode(path))
        self.handle: Any = lib.carnelian_open(location, options, len(pairs))
        if self.handle == ffi.NULL:
            raise failure()
        self.clock = None if clock is None else Clock(self, clock)
        _cores.add(self)

    def release(self) -> None:
        with _lock:
            self.users -= 1
            if self.users == 0:
                self.end()

    def end(self) -> None:
        """Closes it for all. Under the lock, so that whoever opens the directory next finds it free."""
        handle, self.handle = self.handle, None
        if self.key is not None and _shared.get(self.key) is self:
            del _shared[self.key]
        if handle is not None and lib.carnelian_close(handle) != 0:
            raise failure()


def _acquire(
    path: Optional[str], name: Optional[str], clock: Optional[float], directives: dict[str, Directive]
) -> _Core:
    asked = {name.replace("_", "-"): _directive(value) for name, value in directives.items()}
    key = ("path", path) if path is not None else ("name", name) if name is not None else None
    if key is None:
        return _Core(None, clock, asked)
    with _lock:
        core = _shared.get(key)
        if core is None:
            core = _Core(path, clock, asked)
            core.key = key
            _shared[key] = core
            return core
        if clock is not None:
            raise EngineError(f"the engine of {key[1]!r} is open already, and its clock is what it was opened with")
        different = [name for name, value in asked.items() if core.directives.get(name) != value]
        if different:
            raise EngineError(f"the engine of {key[1]!r} is open already, with another {', '.join(different)}")
        core.users += 1
        return core


def _directive(value: Directive) -> str:
    if value is True or value is False:
        return "yes" if value else "no"
    return str(value)


def refusal(why: type[EngineError]) -> EngineError:
    """What is raised for an engine that is gone."""
    if why is ForkedError:
        return ForkedError(FORKED)
    if _program_ends and threading.current_thread().daemon:
        # Nobody can do anything about it, and a traceback at the end of every program would only look like a fault.
        threading.Event().wait()
    return ClosedError("the engine has been closed")


def _close_all() -> None:
    """The end of the program: what was changed comes to the disk."""
    global _program_ends
    _program_ends = True
    for engine in list(_engines):
        try:
            engine.close()
        except EngineError:
            # The disk, and nobody is left who could be told.
            pass


def _after_fork() -> None:
    global _lock
    # Whoever held it is not in this process.
    _lock = threading.RLock()
    for engine in list(_engines):
        engine._forked()
    for core in list(_cores):
        core.handle = None
    _shared.clear()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


