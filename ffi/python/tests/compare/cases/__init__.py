"""Every case of the comparison: a name, and calls that are made one after the other of an empty database."""

from . import bits, hashes, keys, lists, places, scripts, server, sets, sorted_sets, streams, strings

CASES = {}
for module in (strings, bits, keys, hashes, lists, sets, sorted_sets, streams, places, scripts, server):
    for name, calls in module.CASES.items():
        name = f"{module.__name__.rsplit('.')[-1]}: {name}"
        assert name not in CASES
        CASES[name] = calls
