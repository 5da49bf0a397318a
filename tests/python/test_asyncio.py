"""Pipelines, transactions and channels through redis-py's client for asyncio."""

import asyncio
import os

import pytest
import redis
import redis.asyncio


@pytest.fixture
def run(protocol, r):
    """Runs something with a client, to its end or for ten seconds."""

    def run(act):
        async def main():
            url = os.environ["REDIS_URL"]
            async with redis.asyncio.Redis.from_url(url, protocol=protocol, decode_responses=True) as client:
                return await asyncio.wait_for(act(client), 10)

        return asyncio.run(main())

    return run


def test_pipelines(run):
    async def act(client):
        async with client.pipeline(transaction=False) as pipe:
            for n in range(2000):
                pipe.set(f"k{n}", n)
            assert await pipe.execute() == [True] * 2000
            for n in range(2000):
                pipe.get(f"k{n}")
            assert await pipe.execute() == [str(n) for n in range(2000)]
            pipe.set("a", "x").incr("a").get("a")
            first, error, last = await pipe.execute(raise_on_error=False)
            assert (first, last) == (True, "x") and isinstance(error, redis.ResponseError)

    run(act)


def test_transactions(run):
    async def act(client):
        async with client.pipeline(transaction=True) as pipe:
            pipe.set("a", 1).incr("a").rpush("l", "x", "y").lrange("l", 0, -1)
            assert await pipe.execute() == [True, 2, 2, ["x", "y"]]
        async with client.pipeline(transaction=True) as pipe:
            await pipe.watch("a")
            await client.set("a", "somebody else's")
            pipe.multi()
            pipe.set("a", "mine")
            with pytest.raises(redis.WatchError):
                await pipe.execute()
        assert await client.get("a") == "somebody else's"

    run(act)


def test_tasks_that_watch_lose_no_increment(run):
    async def act(client):
        async def increment(pipe):
            n = int(await pipe.get("n") or 0)
            pipe.multi()
            pipe.set("n", n + 1)

        await asyncio.gather(*(client.transaction(increment, "n") for _ in range(20)))
        assert await client.get("n") == "20"

    run(act)


def test_many_tasks_share_a_pool(run):
    async def act(client):
        for _ in range(5):
            await asyncio.gather(*(client.incr("n") for _ in range(80)))
        assert await client.get("n") == "400"

    run(act)


def test_subscriptions(run):
    async def act(client):
        async with client.pubsub() as pubsub:
            await pubsub.subscribe("news")
            await pubsub.psubscribe("n*")
            messages = pubsub.listen()
            for kind in ("subscribe", "psubscribe"):
                assert (await anext(messages))["type"] == kind
            assert await client.publish("news", "hello") == 2
            assert await client.publish("other", "x") == 0
            assert await client.publish("nothing", "x") == 1
            heard = [await anext(messages) for _ in range(3)]
            assert [(m["type"], m["channel"], m["data"]) for m in heard] == [
                ("message", "news", "hello"),
                ("pmessage", "news", "hello"),
                ("pmessage", "nothing", "x"),
            ]
            await pubsub.unsubscribe("news")
            assert (await anext(messages))["type"] == "unsubscribe"
            assert await client.publish("news", "again") == 1
        while await client.pubsub_numpat():
            await asyncio.sleep(0.005)

    run(act)


def test_handlers_hear_everything_in_order(run):
    async def act(client):
        heard, all_heard = [], asyncio.Event()

        def hear(message):
            heard.append(int(message["data"]))
            if len(heard) == 500:
                all_heard.set()

        async with client.pubsub(ignore_subscribe_messages=True) as pubsub:
            await pubsub.subscribe(work=hear)
            task = asyncio.create_task(pubsub.run(poll_timeout=0.1))
            while (await client.pubsub_numsub("work"))[0][1] == 0:
                await asyncio.sleep(0.005)
            async with client.pipeline(transaction=False) as pipe:
                for n in range(500):
                    pipe.publish("work", n)
                assert await pipe.execute() == [1] * 500
            await all_heard.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert heard == list(range(500))

    run(act)
