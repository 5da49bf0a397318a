"""The asyncio client."""

import asyncio
import sys
import time

import carnelian
import carnelian.asyncio
import pytest
import redis
import redis.asyncio


def run(work):
    return asyncio.run(asyncio.wait_for(work, 60))


@pytest.fixture
def with_client(protocol):
    """Runs a test of a client in a loop of its own."""

    def with_client(test, **options):
        async def body():
            async with carnelian.asyncio.Redis(protocol=protocol, **options) as r:
                await test(r)

        run(body())

    return with_client


def test_it_is_redis_pys(with_client):
    async def test(r):
        assert isinstance(r, redis.asyncio.Redis)
        assert await r.set("k", "v") is True
        assert await r.get("k") == b"v"
        assert await r.hset("h", mapping={"a": 1}) == 1
        assert await r.hgetall("h") == {b"a": b"1"}
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            await r.lpush("k", 1)
        with pytest.raises(redis.DataError):
            await r.set("k", object())
        assert await r.get("k") == b"v"
        big = b"x" * 3_000_000
        await r.set("big", big)
        assert await r.get("big") == big

    with_client(test)


def test_pipelines_and_transactions(with_client):
    async def test(r):
        for transaction in (True, False):
            await r.flushall()
            async with r.pipeline(transaction=transaction) as pipe:
                for n in range(2000):
                    pipe.set(f"k{n}", n)
                    pipe.get(f"k{n}")
                assert await pipe.execute() == [x for n in range(2000) for x in (True, str(n).encode())]
                pipe.set("s", "x").lpush("s", 1).get("s")
                with pytest.raises(redis.ResponseError, match="LPUSH"):
                    await pipe.execute()
        async with r.pipeline() as pipe:
            await pipe.watch("n")
            await r.set("n", 1)
            pipe.multi()
            pipe.set("n", 2)
            with pytest.raises(redis.WatchError):
                await pipe.execute()

    with_client(test)


def test_the_loop_goes_on_while_a_command_waits(with_client):
    async def test(r):
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.ensure_future(tick())
        waiting = asyncio.ensure_future(r.blpop("q", timeout=30))
        assert await r.blpop("none", timeout=0.3) is None
        assert ticks > 10
        await r.rpush("q", "x")
        assert list(await waiting) == [b"q", b"x"]
        ticking.cancel()

    with_client(test)


def test_many_wait_at_once(with_client):
    async def test(r):
        waiting = [asyncio.ensure_future(r.blpop(f"q{n}", timeout=30)) for n in range(80)]
        await asyncio.sleep(0.1)
        for n in range(80):
            await r.rpush(f"q{n}", n)
        assert [value for _, value in await asyncio.gather(*waiting)] == [str(n).encode() for n in range(80)]

    with_client(test)


def test_whoever_is_cancelled_takes_nothing_with_him(with_client):
    async def test(r):
        waiting = asyncio.ensure_future(r.blpop("q", timeout=30))
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await r.rpush("q", "x")
        assert await r.lpop("q") == b"x"

    with_client(test)


def test_time_limits(with_client):
    async def test(r):
        began = time.monotonic()
        with pytest.raises(redis.TimeoutError):
            await r.blpop("q", timeout=30)
        assert time.monotonic() - began < 5
        assert await r.ping()

    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    with_client(test, socket_timeout=0.2, retry=Retry(NoBackoff(), 0))


def test_channels(with_client):
    async def test(r):
        async with r.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe("c")
            assert await pubsub.get_message(timeout=0.05) is None

            async def speak():
                await asyncio.sleep(0.1)
                for n in range(3):
                    await r.publish("c", n)

            speaking = asyncio.ensure_future(speak())
            heard = []
            async for message in pubsub.listen():
                heard.append(message["data"])
                if len(heard) == 3:
                    break
            await speaking
            assert heard == [b"0", b"1", b"2"]

    with_client(test)


def test_locks_scripts_and_scans(with_client):
    async def test(r):
        async with r.lock("lock", timeout=10):
            assert not await r.lock("lock", timeout=10, blocking=False).acquire()
        assert await r.register_script("return redis.call('INCR', KEYS[1])")(keys=["n"]) == 1
        await r.mset({f"k{n}": n for n in range(100)})
        assert len([key async for key in r.scan_iter(match="k*")]) == 100

    with_client(test)


def test_strings_if_asked(with_client):
    async def test(r):
        await r.set("k", "ü")
        assert await r.get("k") == "ü"

    with_client(test, decode_responses=True)


def test_a_connection_of_its_own(with_client):
    async def test(r):
        async with r.client() as single:
            await single.client_setname("mine")
            assert await asyncio.gather(*[single.client_getname()] * 1, single.ping()) is not None
            assert await single.client_getname() in (b"mine", "mine")

    with_client(test)


def test_a_client_that_is_killed_connects_again(with_client):
    async def test(r):
        assert await r.client_kill_filter(_id=await r.client_id(), skipme=False)
        assert await r.ping()
        # By another, while nobody looks.
        with carnelian.Redis(engine=r.engine) as other:
            assert other.client_kill_filter(_id=await r.client_id())
        await asyncio.sleep(0.05)
        assert await r.ping()

    with_client(test)


def test_an_engine_is_shared_with_threads(protocol):
    with carnelian.Redis() as r:

        async def body():
            here = carnelian.asyncio.Redis(engine=r.engine, protocol=protocol)
            waiting = asyncio.ensure_future(here.blpop("q", timeout=30))
            await asyncio.sleep(0.05)
            await asyncio.get_running_loop().run_in_executor(None, r.rpush, "q", "x")
            assert list(await waiting) == [b"q", b"x"]
            await here.aclose()

        run(body())


def test_an_engine_is_closed_while_tasks_wait():
    async def body():
        engine = carnelian.Engine()
        r = carnelian.asyncio.Redis(engine=engine)
        waiting = asyncio.ensure_future(r.blpop("q", timeout=30))
        await asyncio.sleep(0.1)
        await asyncio.get_running_loop().run_in_executor(None, engine.close)
        with pytest.raises(carnelian.ClosedError):
            await waiting
        with pytest.raises(carnelian.ClosedError):
            await r.get("k")

    run(body())


@pytest.mark.skipif(sys.version_info < (3, 10), reason="a lock of asyncio belongs to the loop that there is when it is made")
def test_a_client_goes_from_one_loop_to_the_next():
    with carnelian.Engine() as engine:
        r = carnelian.asyncio.Redis(engine=engine)

        async def use(n):
            assert await r.incr("n") == n
            assert await r.blpop("none", timeout=0.01) is None
            assert await r.pipeline().get("n").execute() == [str(n).encode()]

        for n in range(1, 4):
            run(use(n))


def test_the_disk_is_waited_for_without_the_loop(tmp_path):
    async def body():
        async with carnelian.asyncio.Redis(tmp_path, appendonly=True, appendfsync="always") as r:
            assert sorted(await asyncio.gather(*[r.incr("n") for _ in range(50)])) == list(range(1, 51))
            assert await r.pipeline().incr("n").get("n").execute() == [51, b"51"]

    run(body())


def test_urls():
    async def body():
        async with carnelian.asyncio.from_url("carnelian://?db=2") as r:
            await r.set("k", "v")
            assert (await r.info("keyspace"))["db2"]["keys"] == 1

    run(body())
