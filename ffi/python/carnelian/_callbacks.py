"""redis-py's response callbacks: what makes of a reply what the method of a client returns."""

from collections.abc import Mapping
from typing import Any

__all__ = ["called_back"]


def called_back(callbacks: Any, name: Any, reply: Any, options: Mapping[str, Any]) -> Any:
    """What redis-py makes of a reply to the command of that name."""
    # Its keys are in upper case, as are the names that methods use: without asking for the upper case of each.
    callback = dict.get(callbacks, name)
    if callback is None:
        if name not in callbacks:
            return reply
        callback = callbacks[name]
    if options:
        options = {name: value for name, value in options.items() if name not in _NOT_FOR_CALLBACKS}
        return callback(reply, **options)
    return callback(reply)


# "keys" is for client-side caching.
_NOT_FOR_CALLBACKS = frozenset(["keys", "NEVER_DECODE", "EMPTY_RESPONSE"])
