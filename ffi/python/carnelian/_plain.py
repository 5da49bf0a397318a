"""`SET` of a key to a value and nothing else, without redis-py's look at thirteen options that were not given.

It is what most programs call most, and the look takes several times as long as the rest.
"""

from typing import Any

__all__ = ["PlainSet"]


class PlainSet:
    """A client, or a pipeline, of which `set` is short."""

    def set(self, name: Any, value: Any, *options: Any, **named: Any) -> Any:
        """See `redis.Redis.set`: nothing is different."""
        if options or named:
            return super().set(name, value, *options, **named)  # type: ignore[misc]
        return self.execute_command("SET", name, value)  # type: ignore[attr-defined]
