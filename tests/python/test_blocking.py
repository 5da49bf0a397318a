"""Commands that wait, through redis-py, with threads and with asyncio."""

import asyncio
import os
import threading
import time

import pytest
import redis
import redis.asyncio


@pytest.fixture
def background(protocol):
    """Runs something with a client of its own on another thread; calling the result waits for what it returns."""
    clients = []

    def run(act):
        client = redis.Redis.from_url(os.environ["REDIS_URL"], protocol=protocol, decode_responses=True)
        clients.append(client)
        result = []
        thread = threading.Thread(target=lambda: result.append(act(client)))
        thread.start()

        def join():
            thread.join(10)
            return result[0]

        return join

    yield run
    for client in clients:
        client.close()


def until_blocked(client, count):
    end = time.monotonic() + 5
    while client.info("clients")["blocked_clients"] != count:
        assert time.monotonic() < end
        time.sleep(0.005)


def test_pops_wait_for_pushes(text, background):
    first = background(lambda c: c.blpop(["a", "b"], timeout=10))
    until_blocked(text, 1)
    second = background(lambda c: c.brpop("b", timeout=10))
    until_blocked(text, 2)
    assert text.rpush("b", "1", "2", "3") == 3
    assert list(first()) == ["b", "1"]
    assert list(second()) == ["b", "3"]
    assert text.lrange("b", 0, -1) == ["2"]


def test_timeouts(text):
    began = time.monotonic()
    assert text.blpop("a", timeout=0.05) is None
    assert text.blmove("a", "b", timeout=0.05) is None
    assert text.bzpopmin("z", timeout=0.05) is None
    assert not text.xread({"s": "$"}, block=50)
    assert time.monotonic() - began >= 0.2


def test_moves_and_members(text, background):
    moved = background(lambda c: c.blmove("a", "b", timeout=10, src="RIGHT", dest="LEFT"))
    member = background(lambda c: c.bzpopmax(["z"], timeout=10))
    several = background(lambda c: c.blmpop(10, 2, "x", "y", direction="LEFT", count=2))
    until_blocked(text, 3)
    text.rpush("a", "1", "2")
    text.zadd("z", {"m": 1, "n": 2.5})
    text.rpush("y", "1", "2", "3")
    assert moved() == "2"
    assert list(member()) == ["z", "n", 2.5]
    assert several() == ["y", ["1", "2"]]
    assert text.lrange("b", 0, -1) == ["2"]


def test_streams_are_read_as_they_grow(text, background):
    text.xgroup_create("s", "g", mkstream=True)
    reader = background(lambda c: c.xread({"s": "$"}, block=10_000))
    consumer = background(lambda c: c.xreadgroup("g", "me", {"s": ">"}, block=10_000))
    until_blocked(text, 2)
    entry = text.xadd("s", {"f": "v"})
    for read in (reader(), consumer()):
        entries = read["s"][0] if isinstance(read, dict) else read[0][1]
        assert entries == [(entry, {"f": "v"})]
    assert text.xpending("s", "g")["pending"] == 1


def test_a_client_is_unblocked(text, background):
    ids = []

    def wait(client):
        ids.append(client.client_id())
        with pytest.raises(redis.ResponseError, match="UNBLOCKED"):
            client.blpop("a", timeout=0)
        return client.ping()

    with redis.Redis.from_url(os.environ["REDIS_URL"], single_connection_client=True) as client:
        thread = threading.Thread(target=wait, args=(client,))
        thread.start()
        until_blocked(text, 1)
        assert text.client_unblock(ids[0], error=True) in (1, True)
        thread.join(10)


def test_nobody_waits_in_a_transaction(text):
    with text.pipeline(transaction=True) as pipe:
        pipe.blpop("a", timeout=0).rpush("a", "1")
        assert pipe.execute() == [None, 1]


def test_asyncio(protocol, r):
    async def main():
        url = os.environ["REDIS_URL"]
        async with redis.asyncio.Redis.from_url(url, protocol=protocol, decode_responses=True) as client:
            waiting = [asyncio.create_task(client.blpop(["jobs"], timeout=10)) for _ in range(20)]
            while (await client.info("clients"))["blocked_clients"] != 20:
                await asyncio.sleep(0.005)
            await client.rpush("jobs", *range(20))
            done = await asyncio.gather(*waiting)
            assert sorted(int(job) for _, job in done) == list(range(20))
            assert await client.llen("jobs") == 0

    asyncio.run(main())
