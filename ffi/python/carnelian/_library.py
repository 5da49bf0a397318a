"""The engine's shared library: what `ffi/include/carnelian.h` declares, and how its failures become exceptions.

maturin packs the library and writes `_native` from its header: cffi without a compiler. Every call releases the GIL.
"""

from typing import Any

from ._native import ffi, lib
from .errors import EngineError

__all__ = ["failure", "ffi", "lib", "version"]


def version() -> str:
    """The version of the engine."""
    return text(lib.carnelian_version())


def text(string: Any) -> str:
    return ffi.string(string).decode("utf-8", "replace")  # type: ignore[no-any-return]


def failure() -> EngineError:
    """What this thread's last call says that went wrong."""
    message = text(lib.carnelian_last_error())
    return EngineError(message.removeprefix("ERR ") or "the engine gives no reason")
