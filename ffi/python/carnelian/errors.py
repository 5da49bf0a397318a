"""What can be wrong with an engine itself, as exceptions that redis-py's own handlers know."""

from redis.exceptions import ConnectionError

__all__ = ["ClosedError", "EngineError", "ForkedError"]


class EngineError(ConnectionError):
    """An engine cannot be opened, or cannot be reached."""


class ClosedError(EngineError):
    """The engine has been closed in this process."""


class ForkedError(EngineError):
    """The engine belongs to the parent of this process: a copy of it would write over the same files."""


FORKED = (
    "this process was forked from the one that opened the engine, and an engine does not survive that; "
    "open it in the child, or let the parent serve it (Engine.serve) and connect to it"
)
