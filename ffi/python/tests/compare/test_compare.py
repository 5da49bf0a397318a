"""redis-py's own behaviour: every case gives the same results and the same exceptions, of the same types and texts, from
the package and from redis-py with a real Redis 7.0 — synchronous and with asyncio, in both protocols, decoding or not.
"""

import itertools

import pytest

from calls import Log, drive
from cases import CASES
from flows import FLOWS

# Calls that redis-py would rather not have any more are its own nevertheless.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

VARIANTS = [
    pytest.param((kind, {"protocol": protocol, "decode_responses": decode}), id=f"{kind}-resp{protocol}-{name}")
    for kind, protocol, (decode, name) in itertools.product(
        ("sync", "asyncio"), (2, 3), ((False, "bytes"), (True, "text"))
    )
]


def outcome(side, kind, work):
    """Runs a case, which is written as a coroutine, of one side."""
    log = Log()
    side.empty()
    if kind == "sync":
        drive(work(log))
    else:
        side.loop.run_until_complete(work(log))
    return log.entries


def compare(expected, found):
    assert expected, "the case did nothing"
    for entry in expected:
        assert entry[2], f"the case itself is wrong, of Redis: {entry[0]} -> {entry[1]}"
    for there, here in itertools.zip_longest(expected, found):
        assert here == there


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", CASES)
def test_calls(name, variant, real, subject):
    kind, options = variant

    async def work(log, side):
        for call in CASES[name]:
            await log.make(side.client(kind, **options), call)

    compare(*(outcome(side, kind, lambda log, side=side: work(log, side)) for side in (real, subject)))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("flow", FLOWS, ids=lambda flow: flow.__name__)
def test_flows(flow, variant, real, subject):
    kind, options = variant

    def work(side):
        return lambda log: flow(side.client(kind, **options), log, Maker(side, kind, options))

    compare(*(outcome(side, kind, work(side)) for side in (real, subject)))


class Maker:
    """What a flow may ask of its side: other clients, and that something happens while it waits."""

    def __init__(self, side, kind, options):
        self.side, self.kind, self.options = side, kind, options
        self.later = side.later

    def __call__(self, **options):
        return self.side.another(self.kind, **{**self.options, **options})


def test_there_are_as_many_calls_as_promised():
    assert sum(map(len, CASES.values())) >= 1000
