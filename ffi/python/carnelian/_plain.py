"""`SET` of a key to a value and nothing else, without redis-py's look at a dozen options that were not given.

It is what most programs call most, and the look takes several times as long as the rest.
"""

from typing import TYPE_CHECKING, Any

__all__ = ["PlainSet"]


class PlainSet:
    """A client, or a pipeline, whose `set` is short when it is plain."""

    # Its types are redis-py's.
    if not TYPE_CHECKING:

        def set(self, name: Any, value: Any, *options: Any, **named: Any) -> Any:
            """See `redis.Redis.set`: nothing is different."""
            if options or named:
                return super().set(name, value, *options, **named)
            return self.execute_command("SET", name, value)
