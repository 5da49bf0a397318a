"""Requests as bytes of RESP: what redis-py's packer makes of the same arguments, in a fraction of the time.

Invariant: what is packed here is what redis-py would send; whatever is not plain is left to redis-py.
"""

from typing import Any, Callable, Optional

__all__ = ["pack"]

Encode = Callable[[Any], Any]

# Names of commands and how a request begins with them: how many words they are, and these words.
# Programs have few, and one that makes them up does not get to fill the memory.
_HEADS: dict[Any, tuple[int, bytes]] = {}
_MOST_HEADS = 1024

_ARGUMENTS = tuple(b"$%d\r\n%b\r\n" * n for n in range(64))


def pack(arguments: tuple[Any, ...], encode_text: Encode, encode: Encode) -> Optional[bytes]:
    """A command as bytes, or None if redis-py has to pack it."""
    name = arguments[0]
    try:
        words, head = _HEADS[name]
    except (KeyError, TypeError):
        found = _head(name)
        if found is None:
            return None
        words, head = found
    flat: list[Any] = [words + len(arguments) - 1]
    add = flat.append
    for argument in arguments[1:]:
        kind = type(argument)
        if kind is str:
            argument = encode_text(argument)
        elif kind is int:
            argument = b"%d" % argument
        elif kind is not bytes:
            argument = encode(argument)
            if type(argument) is not bytes:
                return None
        add(len(argument))
        add(argument)
    count = len(arguments) - 1
    form = _ARGUMENTS[count] if count < 64 else _ARGUMENTS[1] * count
    return (b"*%d\r\n" + head + form) % tuple(flat)


def _head(name: Any) -> Optional[tuple[int, bytes]]:
    if type(name) is not str:
        return None
    words = name.encode().split()
    if not words or words[0].upper() == b"HIMPORT":
        # redis-py prepares something on the connection before these.
        return None
    # The bytes are going to be a format.
    head = b"".join(b"$%d\r\n%b\r\n" % (len(word), word.replace(b"%", b"%%")) for word in words)
    found = (len(words), head)
    if len(_HEADS) < _MOST_HEADS:
        _HEADS[name] = found
    return found
