"""Transactions, channels and events through redis-py."""

import time

import pytest
import redis


def messages(pubsub, count):
    """The next messages of a subscription, without what it says of itself."""
    found, end = [], time.monotonic() + 5
    while len(found) < count and time.monotonic() < end:
        message = pubsub.get_message(ignore_subscribe_messages=True, timeout=0.2)
        if message:
            found.append((message["type"], message["channel"], message["data"]))
    return found


def test_pipelines_are_transactions(text):
    with text.pipeline(transaction=True) as pipe:
        pipe.set("a", 1).incr("a").rpush("l", "x", "y").lrange("l", 0, -1)
        assert pipe.execute() == [True, 2, 2, ["x", "y"]]


def test_an_error_in_a_transaction_leaves_the_rest(text):
    text.set("a", "x")
    with text.pipeline(transaction=True) as pipe:
        pipe.set("b", 1).incr("a").set("c", 2)
        first, error, last = pipe.execute(raise_on_error=False)
    assert (first, last) == (True, True) and isinstance(error, redis.ResponseError)
    assert text.mget("b", "c") == ["1", "2"]


def test_a_watched_key_that_changes_breaks_the_transaction(text, r):
    with text.pipeline() as pipe:
        pipe.watch("k")
        r.set("k", "somebody else's")
        pipe.multi()
        pipe.set("k", "mine")
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert text.get("k") == "somebody else's"


def test_transaction_retries_until_nobody_was_in_between(text, r):
    tries = []

    def increment(pipe):
        n = int(pipe.get("n") or 0)
        if not tries:
            r.incr("n")
        tries.append(n)
        pipe.multi()
        pipe.set("n", n + 1)

    text.transaction(increment, "n")
    assert (text.get("n"), tries) == ("2", [0, 1])


def test_subscriptions(text):
    with text.pubsub() as pubsub:
        pubsub.subscribe("news")
        pubsub.psubscribe("n*")
        # What was subscribed to is confirmed before anything is published.
        for _ in range(2):
            assert pubsub.get_message(timeout=5)["type"] in ("subscribe", "psubscribe")
        assert text.publish("news", "hello") == 2
        assert text.publish("nothing", "x") == 1
        assert text.publish("other", "x") == 0
        assert messages(pubsub, 3) == [
            ("message", "news", "hello"),
            ("pmessage", "news", "hello"),
            ("pmessage", "nothing", "x"),
        ]
        assert text.pubsub_numsub("news") == [("news", 1)] and text.pubsub_numpat() == 1
    assert text.publish("news", "anybody?") == 0


def test_a_thread_hears_what_is_published(text):
    heard = []
    pubsub = text.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe(work=lambda message: heard.append(message["data"]))
    thread = pubsub.run_in_thread(sleep_time=0.01)
    try:
        end = time.monotonic() + 5
        while text.publish("work", "start") == 0 and time.monotonic() < end:
            time.sleep(0.01)
        for n in range(100):
            text.publish("work", n)
        while len(heard) < 101 and time.monotonic() < end:
            time.sleep(0.01)
    finally:
        thread.stop()
        thread.join()
    assert heard[-100:] == [str(n) for n in range(100)]


def test_events_of_keys(text):
    text.config_set("notify-keyspace-events", "KEA")
    try:
        with text.pubsub() as pubsub:
            pubsub.psubscribe("__keyspace@0__:*")
            assert pubsub.get_message(timeout=5)["type"] == "psubscribe"
            text.rpush("l", "a")
            text.lpop("l")
            text.hset("h", "f", "v")
            text.zadd("z", {"m": 1})
            assert [(channel.split(":")[1], event) for _, channel, event in messages(pubsub, 5)] == [
                ("l", "rpush"),
                ("l", "lpop"),
                ("l", "del"),
                ("h", "hset"),
                ("z", "zadd"),
            ]
    finally:
        text.config_set("notify-keyspace-events", "")
