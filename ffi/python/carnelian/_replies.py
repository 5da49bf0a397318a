"""Replies from bytes of RESP: the same values as redis-py's parsers make, for replies that are there as a whole.

Invariant: what is read here is what redis-py would have read. Whatever is not plain, a push or the half of a reply, is
`Unread`, and redis-py's parser gets the bytes from where that reply begins.
"""

from typing import Any, Callable, Optional

from redis.exceptions import ConnectionError

from ._redis import SETS_ARE_LISTS

__all__ = ["Unread", "read"]

Decode = Optional[Callable[[bytes], Any]]


class Unread(Exception):
    """The bytes are not a whole, plain reply."""


def read(data: bytes, at: int, decode: Decode, error: Callable[[str], Exception]) -> tuple[Any, int]:
    """Reads the reply that begins at `at`; returns it and where the next one begins."""
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Unread
    kind = data[at]
    if kind == 36:  # $
        length = int(data[at + 1 : end])
        if length < 0:
            return None, end + 2
        start = end + 2
        stop = start + length
        if stop + 2 > len(data):
            raise Unread
        value = data[start:stop]
        return (value if decode is None else decode(value)), stop + 2
    line = data[at + 1 : end]
    after = end + 2
    if kind == 58 or kind == 40:  # : (
        return int(line), after
    if kind == 43:  # +
        return (line if decode is None else decode(line)), after
    if kind == 95:  # _
        return None, after
    if kind == 42 or (kind == 126 and SETS_ARE_LISTS):  # * ~
        return _elements(data, after, int(line), decode, error)
    if kind == 37:  # %
        flat, after = _elements(data, after, 2 * int(line), decode, error)
        try:
            return dict(zip(flat[::2], flat[1::2])), after
        except TypeError:
            # A key that is no key in Python: redis-py's words.
            raise Unread from None
    if kind == 44:  # ,
        return float(line), after
    if kind == 35:  # #
        return line == b"t", after
    if kind == 61:  # =
        stop = after + int(line)
        if stop + 2 > len(data):
            raise Unread
        value = data[after + 4 : stop]
        return (value if decode is None else decode(value)), stop + 2
    if kind == 45:  # -
        found = error(line.decode("utf-8", "replace"))
        if isinstance(found, ConnectionError):
            raise Unread
        return found, after
    raise Unread


def _elements(
    data: bytes, at: int, count: int, decode: Decode, error: Callable[[str], Exception]
) -> tuple[Any, int]:
    if count < 0:
        return None, at
    elements: list[Any] = []
    add = elements.append
    find = data.find
    size = len(data)
    for _ in range(count):
        # Most elements are strings: without a call for each.
        if at < size and data[at] == 36:
            end = find(b"\r\n", at)
            if end < 0:
                raise Unread
            length = int(data[at + 1 : end])
            if length >= 0:
                at = end + 2 + length
                if at + 2 > size:
                    raise Unread
                value = data[end + 2 : at]
                at += 2
                add(value if decode is None else decode(value))
                continue
        if at >= size:
            raise Unread
        value, at = read(data, at, decode, error)
        add(value)
    return elements, at
