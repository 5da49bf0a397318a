"""How cases of the comparison are written, and what is kept of a call's result.

A case is a list of calls of a client, written as if they were made (`r.get("k")`), and made later: of a synchronous
client or one of asyncio, of the subject or of Redis. What is kept of a result is its exact image, types included,
because Python says that 1 == True == 1.0. Where two servers may differ the call says so (`shape`, `near`, `unordered`,
`having`), and a call that is to fail says that too (`fails`), so that a mistake in a case is no agreement.
"""

import inspect
import re


class Call:
    def __init__(self, method, args, kwargs):
        self.method, self.args, self.kwargs = method, args, kwargs
        self.image = exact
        self.error = None

    def __repr__(self):
        args = [repr(a) for a in self.args] + [f"{k}={v!r}" for k, v in self.kwargs.items()]
        return f"r.{self.method}({', '.join(args)})"


class Recorder:
    """`r.get("k")` is the call, to be made of any client."""

    def __getattr__(self, method):
        return lambda *args, **kwargs: Call(method, args, kwargs)


r = Recorder()


def fails(error, call):
    """The call raises exactly this class, with the same text from both."""
    call.error = error
    return call


def keep(image, call):
    call.image = image
    return call


def shape(call):
    """Of the result only the types: it is random, or a time, or an address."""
    return keep(only_types, call)


def unordered(call):
    """A list whose order Redis leaves open."""
    return keep(lambda value: sorted(map(exact, value), key=repr), call)


def mixed(call):
    """Lists in it, and in these, are in an order that Redis leaves open."""
    return keep(sorted_everywhere, call)


def near(unit, call):
    """A number that runs, rounded to this unit, from whose edges it is far."""
    return keep(lambda value: exact(round(value / unit)), call)


def having(names, call):
    """A dictionary in which only these entries are compared."""
    return keep(lambda value: exact({name: value[name] for name in names}), call)


def without(name, call):
    """A list of dictionaries, whose entry of this name came after Redis 7.0."""
    image = call.image
    return keep(lambda value: image([{k: v for k, v in item.items() if k != name} for item in value]), call)


def exact(value):
    """An image that is equal for equal values of equal types only, and that can be read in a failure."""
    if isinstance(value, dict):
        pairs = [(exact(k), exact(v)) for k, v in value.items()]
        return (type(value).__name__, sorted(pairs, key=repr))
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, [exact(item) for item in value])
    if isinstance(value, (set, frozenset)):
        return (type(value).__name__, sorted(map(exact, value), key=repr))
    if isinstance(value, BaseException):
        return raised(value)
    if value is None or isinstance(value, (bytes, str, int, float)):
        return f"{type(value).__name__} {value!r}"
    return type(value).__name__


def sorted_everywhere(value):
    if isinstance(value, dict):
        return sorted(((exact(k), sorted_everywhere(v)) for k, v in value.items()), key=repr)
    if isinstance(value, (list, tuple, set)):
        return (type(value).__name__, sorted(map(sorted_everywhere, value), key=repr))
    return exact(value)


def only_types(value):
    if isinstance(value, dict):
        return (type(value).__name__, sorted(((exact(k), only_types(v)) for k, v in value.items()), key=repr))
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, [only_types(item) for item in value])
    if isinstance(value, (set, frozenset)):
        return (type(value).__name__, sorted(map(only_types, value), key=repr))
    return type(value).__name__


def raised(error):
    # What a client is connected to is part of the text of an error of the connection, and differs.
    text = re.sub(r"(reading from ).+?(?= ?: \(|$)", r"\1HERE", str(error))
    return f"raised {type(error).__module__}.{type(error).__qualname__}: {text}"


async def settle(value):
    """What a call leads to, of either kind of client: awaited, and iterated if it is an iterator."""
    if inspect.iscoroutine(value):
        value = await value
    if inspect.isasyncgen(value):
        return [item async for item in value]
    if inspect.isgenerator(value):
        return list(value)
    return value


def drive(coroutine):
    """Runs what is written for both kinds of clients with a synchronous one: there is nothing in it to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("a synchronous client made its caller wait for something asynchronous")


def shown(args):
    """Arguments as they are written, except for what shows where it is in memory."""
    plain = (bytes, str, int, float, list, dict, tuple)
    return "(" + ", ".join(repr(a) if isinstance(a, plain) else type(a).__name__ for a in args) + ")"


class Log:
    """What was called in turn, and the images of the results."""

    def __init__(self):
        self.entries = []

    async def make(self, client, call):
        """Makes a call of a client."""
        function = getattr(client, call.method)
        await self.keep(repr(call), function, call.args, call.kwargs, call.image, call.error)

    async def __call__(self, function, *args, image=exact, error=None, **kwargs):
        """Calls a function of a flow, and returns what it leads to; None if it raises, which has to be `error`. That may
        be several, and None among them, where kinds of clients or protocols differ."""
        name = getattr(function, "__qualname__", type(function).__name__).split(".")[-1]
        return await self.keep(f"{name}{shown(args)}", function, args, kwargs, image, error)

    async def keep(self, written, function, args, kwargs, image, error):
        expected = error if isinstance(error, tuple) else (error,)
        try:
            value = await settle(function(*args, **kwargs))
        except Exception as caught:
            self.entries.append((written, raised(caught), type(caught) in expected))
            return None
        self.entries.append((written, image(value), None in expected))
        return value

    def note(self, what, value):
        """Keeps something that is not the result of a call."""
        self.entries.append((what, exact(value), True))
