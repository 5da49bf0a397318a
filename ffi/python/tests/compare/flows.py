"""What is more than one call after the other: pipelines, transactions, channels, locks, scripts, waiting, clients with
options of their own.

A flow is written once, as a coroutine, for both kinds of clients: `await log(function, ...)` calls it, awaits what it
returns if that can be awaited, and keeps the image of the result. `again` makes further clients of the same side, with
options of their own, and `again.later` has something happen while the flow waits.
"""

import time

import redis
import redis.asyncio.retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthenticationWrongNumberOfArgsError,
    DataError,
    ConnectionError,
    ExecAbortError,
    LockError,
    LockNotOwnedError,
    NoScriptError,
    RedisError,
    ResponseError,
    TimeoutError,
    WatchError,
)

from calls import only_types, settle

FLOWS = []


def flow(function):
    FLOWS.append(function)
    return function


def never_again(again):
    """Retry objects are of the client's kind too."""
    module = redis.retry if again.kind == "sync" else redis.asyncio.retry
    return module.Retry(NoBackoff(), 0)


def soon(client):
    """When a caller waits in a way that its server does not know of."""
    time.sleep(0.03)
    return True


# Pipelines


@flow
async def pipeline(r, log, again):
    p = r.pipeline(transaction=False)
    p.set("a", 1).incr("a").get("a").lpush("l", "x", "y").lrange("l", 0, -1).hset("h", "f", "v").hgetall("h")
    log.note("length", len(p))
    await log(p.execute)
    log.note("length afterwards", len(p))
    await log(p.execute)
    p.get("a")
    await log(p.reset)
    await log(p.execute)


@flow
async def pipeline_of_every_type(r, log, again):
    p = r.pipeline()
    p.set("s", "v").get("s").exists("s").ttl("s").type("s")
    p.sadd("set", "a", "b").smembers("set").sismember("set", "a")
    p.zadd("z", {"a": 1.5, "b": 2}).zrange("z", 0, -1, withscores=True).zscore("z", "a").zincrby("z", 1, "a")
    p.xadd("x", {"f": "v"}, id="1-1").xrange("x").xread({"x": 0})
    p.geoadd("g", (13.361389, 38.115556, "P")).geopos("g", "P")
    p.hset("h", mapping={"a": 1, "b": 2}).hgetall("h").hmget("h", "a", "none")
    p.scan(match="none").config_get("maxmemory").eval("return {1, 'a'}", 0)
    await log(p.execute)


@flow
async def pipeline_errors(r, log, again):
    await log(r.set, "s", "text")
    p = r.pipeline(transaction=False)
    p.incr("n").lpush("s", 1).incr("n")
    await log(p.execute, error=ResponseError)
    await log(r.get, "n")
    p.incr("n").lpush("s", 1).incr("n").execute_command("NOSUCH").get("s")
    await log(p.execute, False)
    p.execute_command("SET", "just a key")
    await log(p.execute, error=ResponseError)
    p.set("k", "v")
    await log(p.set, "k", None, image=only_types)
    await log(p.execute, error=DataError)
    await log(r.get, "k")


@flow
async def transactions(r, log, again):
    await log(r.set, "s", "text")
    p = r.pipeline(transaction=True)
    p.set("a", 1).incr("a").incr("s").get("a")
    await log(p.execute, error=ResponseError)
    await log(r.get, "a")
    p.incr("a").incr("s").get("a")
    await log(p.execute, raise_on_error=False)
    # What is wrong when it is queued makes an end of all of it.
    p.set("b", 1).execute_command("NOSUCH", "x").execute_command("GET")
    await log(p.execute, error=ResponseError)
    await log(r.get, "b")
    p.multi()
    await log(p.execute)
    p.set("a", 2)
    await log(p.discard)
    await log(r.get, "a")


@flow
async def watching(r, log, again):
    await log(r.set, "k", 1)
    p = r.pipeline()
    await log(p.watch, "k", "other")
    value = await log(p.get, "k")
    p.multi()
    p.set("k", int(value) + 1)
    await log(p.execute)
    await log(r.get, "k")

    await log(p.watch, "k")
    await log(r.set, "k", "changed by another")
    p.multi()
    p.set("k", "mine")
    await log(p.execute, error=WatchError)
    await log(r.get, "k")

    await log(p.watch, "k")
    await log(r.set, "k", "again")
    await log(p.unwatch)
    p.multi()
    p.set("k", "mine")
    await log(p.execute)
    await log(p.watch, "k")
    p.multi()
    await log(p.watch, "other", error=RedisError)
    await log(p.reset)
    await log(p.watch, "expires")
    await log(p.set, "expires", 1, px=20)
    await log(p.watch, "expires")
    time.sleep(0.05)
    p.multi()
    p.ping()
    await log(p.execute, error=WatchError)
    await log(p.reset)


@flow
async def transaction_of_a_function(r, log, again):
    await log(r.set, "n", 5)

    if again.kind == "sync":

        def twice(pipe):
            n = int(pipe.get("n"))
            pipe.multi()
            pipe.set("n", n * 2)
            pipe.get("n")

        def told(pipe):
            pipe.multi()
            pipe.set("n", 0)
            return "told"
    else:

        async def twice(pipe):
            n = int(await pipe.get("n"))
            pipe.multi()
            pipe.set("n", n * 2)
            pipe.get("n")

        async def told(pipe):
            pipe.multi()
            pipe.set("n", 0)
            return "told"

    await log(r.transaction, twice, "n", image=str)
    await log(r.transaction, told, "n", value_from_callable=True)
    await log(r.get, "n")


@flow
async def transaction_that_is_tried_again(r, log, again):
    await log(r.set, "n", 1)
    other, tries = again(), []
    if again.kind == "sync":

        def work(pipe):
            tries.append(pipe.get("n"))
            if len(tries) < 3:
                other.incr("n")
            pipe.multi()
            pipe.append("n", "!")
    else:

        async def work(pipe):
            tries.append(await pipe.get("n"))
            if len(tries) < 3:
                await other.incr("n")
            pipe.multi()
            pipe.append("n", "!")

    await log(r.transaction, work, "n")
    log.note("tries", tries)
    await log(r.get, "n")


@flow
async def transaction_by_hand(r, log, again):
    one = again(single_connection_client=True)
    await log(one.execute_command, "MULTI")
    await log(one.execute_command, "SET", "k", 1)
    await log(one.execute_command, "INCRBY", "k", 5)
    await log(one.execute_command, "EXEC")
    await log(one.execute_command, "MULTI")
    await log(one.execute_command, "MULTI", error=ResponseError)
    await log(one.execute_command, "WATCH", "k", error=ResponseError)
    await log(one.execute_command, "NOSUCH", error=ResponseError)
    await log(one.execute_command, "EXEC", error=ExecAbortError)
    await log(one.execute_command, "MULTI")
    await log(one.execute_command, "SET", "k", 7)
    await log(one.execute_command, "DISCARD")
    await log(one.get, "k")


@flow
async def pipeline_that_is_large(r, log, again):
    p = r.pipeline(transaction=False)
    for i in range(1000):
        p.set(f"k{i}", "x" * (i % 100))
    p.mget([f"k{i}" for i in range(1000)])
    await log(p.execute)
    p = r.pipeline()
    for i in range(1000):
        p.strlen(f"k{i}")
    await log(p.execute)


# Channels


async def message(log, p):
    """The next message, or None if none comes; confirmations of subscriptions are messages too."""
    return await log(p.get_message, timeout=1)


@flow
async def channels(r, log, again):
    p = r.pubsub()
    log.note("subscribed", p.subscribed)
    await log(p.subscribe, "a", "b")
    log.note("subscribed", p.subscribed)
    await message(log, p)
    await message(log, p)
    await log(r.publish, "a", "hello")
    await log(r.publish, "b", b"\x00\r\n")
    await log(r.publish, "c", "to nobody")
    await message(log, p)
    await message(log, p)
    await log(p.get_message, timeout=0.01)
    await log(p.psubscribe, "p*")
    await message(log, p)
    await log(r.publish, "pattern", "of one")
    await message(log, p)
    # Redis leaves open which pattern comes first.
    await log(p.psubscribe, "?x")
    await message(log, p)
    await log(r.publish, "px", "of two")
    two = [await settle(p.get_message(timeout=1)) for _ in range(2)]
    log.note("of both patterns", sorted(two, key=str))
    await log(r.pubsub_numsub, "a", "b", "c")
    await log(r.pubsub_numpat)
    await log(r.pubsub_channels, image=lambda value: sorted(map(repr, value)))
    await log(p.unsubscribe, "a")
    await message(log, p)
    await log(p.punsubscribe)
    ended = [await settle(p.get_message(timeout=1)) for _ in range(2)]
    log.note("ended", sorted((message["channel"] for message in ended), key=str))
    await log(p.unsubscribe)
    await message(log, p)
    log.note("subscribed", p.subscribed)
    await log(p.aclose if again.kind == "asyncio" else p.close)


@flow
async def channels_with_handlers(r, log, again):
    heard = []
    p = r.pubsub(ignore_subscribe_messages=True)
    await log(p.subscribe, "plain", **{"handled": heard.append})
    await log(p.psubscribe, **{"h.*": heard.append})
    for _ in range(3):
        await message(log, p)
    await log(r.publish, "handled", "to a handler")
    await log(r.publish, "h.1", "to a handler of a pattern")
    await log(r.publish, "plain", "to be read")
    for _ in range(3):
        await message(log, p)
    log.note("heard", heard)
    await log(p.aclose if again.kind == "asyncio" else p.close)


@flow
async def channels_in_shards(r, log, again):
    p = r.pubsub()
    await log(p.ssubscribe, "shard")
    await message(log, p)
    await log(r.spublish, "shard", "message")
    await message(log, p)
    await log(r.pubsub_shardnumsub, "shard")
    await log(r.pubsub_shardchannels)
    await log(p.sunsubscribe, "shard")
    await message(log, p)
    await log(p.aclose if again.kind == "asyncio" else p.close)


@flow
async def channels_and_pings(r, log, again):
    p = r.pubsub()
    await log(p.get_message, timeout=0, error=(RuntimeError, None))
    await log(p.subscribe, "a")
    await message(log, p)
    await log(p.ping)
    await message(log, p)
    await log(p.ping, "with a message")
    await message(log, p)
    # Only in RESP2 is a connection with subscriptions closed for other commands.
    if again.options["protocol"] == 2:
        await log(p.execute_command, "GET", "k")
        await log(p.parse_response, error=ResponseError)
    await log(p.aclose if again.kind == "asyncio" else p.close)


@flow
async def channels_while_waiting(r, log, again):
    p = r.pubsub(ignore_subscribe_messages=True)
    await log(p.subscribe, "a")
    await message(log, p)
    again.later("publish", "a", "late", when=soon)
    await message(log, p)
    await log(p.aclose if again.kind == "asyncio" else p.close)


@flow
async def messages_are_listened_to(r, log, again):
    p = r.pubsub()
    await log(p.subscribe, "a")
    for i in range(3):
        await log(r.publish, "a", i)
    heard = []
    if again.kind == "sync":
        for item in p.listen():
            heard.append(item)
            if len(heard) == 4:
                p.unsubscribe()
    else:
        async for item in p.listen():
            heard.append(item)
            if len(heard) == 4:
                await p.unsubscribe()
            if len(heard) == 5:
                break
    log.note("heard", heard)
    await log(p.aclose if again.kind == "asyncio" else p.close)


@flow
async def keyspace_events(r, log, again):
    await log(r.config_set, "notify-keyspace-events", "KEA")
    p = r.pubsub(ignore_subscribe_messages=True)
    await log(p.psubscribe, "__key*__:*")
    await message(log, p)
    await log(r.set, "k", "v")
    await log(r.expire, "k", 100)
    await log(r.rpush, "l", 1, 2)
    await log(r.lpop, "l", 2)
    await log(r.set, "short", "v", px=20)
    await log(r.delete, "k", "none")
    for _ in range(16):
        await message(log, p)
    time.sleep(0.05)
    await log(r.exists, "short")
    for _ in range(2):
        await message(log, p)
    await log(r.config_set, "notify-keyspace-events", "")
    await log(p.aclose if again.kind == "asyncio" else p.close)


# Locks and scripts


@flow
async def locks(r, log, again):
    lock = r.lock("lock", timeout=10)
    await log(lock.locked)
    await log(lock.release, error=LockError)
    await log(lock.acquire)
    await log(lock.locked)
    await log(lock.owned)
    other = r.lock("lock", timeout=10, sleep=0.01)
    await log(other.acquire, blocking=False)
    await log(other.acquire, blocking_timeout=0.03)
    await log(other.owned)
    await log(lock.extend, 10)
    log.note("extended", round(await settle(r.ttl("lock")) / 10))
    await log(lock.extend, 5, replace_ttl=True)
    log.note("replaced", round(await settle(r.ttl("lock")) / 5))
    await log(lock.reacquire)
    log.note("reacquired", round(await settle(r.ttl("lock")) / 10))
    again.later("delete", "lock", when=soon)
    await log(other.acquire, blocking_timeout=5)
    await log(lock.release, error=LockNotOwnedError)
    await log(other.release)
    await log(other.release, error=LockError)
    await log(other.extend, 1, error=LockError)
    await log(other.reacquire, error=LockError)
    endless = r.lock("endless")
    await log(endless.acquire, token="mine")
    await log(r.get, "endless")
    await log(endless.extend, 1, error=LockError)
    await log(r.set, "endless", "stolen")
    await log(endless.owned)
    await log(endless.release, error=LockNotOwnedError)


@flow
async def locks_that_end(r, log, again):
    lock = r.lock("lock", timeout=0.03)
    await log(lock.acquire)
    time.sleep(0.06)
    await log(lock.locked)
    await log(lock.extend, 1, error=LockNotOwnedError)
    await log(lock.reacquire, error=LockNotOwnedError)
    await log(lock.release, error=LockNotOwnedError)


@flow
async def dictionaries(r, log, again):
    """Clients are dictionaries of a kind, if they are synchronous."""
    if again.kind == "asyncio":
        return await log(r.__contains__, "k", error=TypeError)
    await log(r.__setitem__, "k", "v")
    await log(r.__getitem__, "k")
    await log(r.__contains__, "k")
    await log(r.__delitem__, "k")
    await log(r.__contains__, "k")
    await log(r.__getitem__, "k", error=KeyError)


@flow
async def scripts(r, log, again):
    add = r.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1] * 2)")
    log.note("digest", add.sha)
    await log(add, keys=["n"], args=[4])
    await log(r.script_flush)
    await log(add, keys=["n"], args=[1])
    p = r.pipeline()
    p.set("n", 100)
    await log(add, ["n"], [3], p, image=lambda value: None)
    await log(p.execute)
    await log(r.script_flush)
    p.evalsha("0" * 40, 0)
    await log(p.execute, error=NoScriptError)
    wrong = r.register_script("return redis.call('LPUSH', KEYS[1], 1)")
    await log(wrong, keys=["n"], error=ResponseError)


@flow
async def bitfields(r, log, again):
    field = r.bitfield("k")
    await log(field.set("u8", 0, 200).get("u8", 0).incrby("u8", 0, 100).execute)
    await log(field.incrby("u8", 0, 250, overflow="SAT").incrby("u8", 0, 1, overflow="FAIL").execute)
    await log(r.bitfield("k", "FAIL").incrby("u8", 0, 255).get("i4", "#1").execute)
    await log(field.execute)


# Waiting


@flow
async def pops_that_wait(r, log, again):
    await log(r.blpop, "l", 0.02)
    await log(r.bzpopmin, "z", 0.02)
    await log(r.blmove, "l", "m", 0.02)
    again.later("rpush", "l", "late", "later")
    await log(r.blpop, ["none", "l"], 4)
    await log(r.lrange, "l", 0, -1)
    again.later("zadd", "z", {"a": 1, "b": 2})
    await log(r.bzpopmax, ["none", "z"], 4)
    again.later("lpush", "source", "moved")
    await log(r.blmove, "source", "target", 4)
    await log(r.lrange, "target", 0, -1)


@flow
async def pops_that_are_woken_with_another_type(r, log, again):
    again.later("set", "l", "a string")
    again.later("rpush", "m", "a list", when=lambda client: client.exists("l"))
    await log(r.blpop, ["l", "m"], 4)


@flow
async def streams_that_are_waited_for(r, log, again):
    again.later("xadd", "s", {"f": "v"}, id="1-1")
    await log(r.xread, {"s": "$"}, block=4000)
    await log(r.xgroup_create, "s", "g", id="$")
    again.later("xadd", "s", {"f": "w"}, id="2-1")
    await log(r.xreadgroup, "g", "c", {"s": ">"}, block=4000)
    again.later("xgroup_destroy", "s", "g")
    await log(r.xreadgroup, "g", "c", {"s": ">"}, block=4000, error=ResponseError)


@flow
async def clients_that_are_woken(r, log, again):
    waiting = again(single_connection_client=True)
    number = await settle(waiting.client_id())
    again.later("client_unblock", number)
    await log(waiting.blpop, "l", 4)
    again.later("client_unblock", number, error=True)
    await log(waiting.blpop, "l", 4, error=ResponseError)
    await log(waiting.get, "still here")


@flow
async def time_that_is_up(r, log, again):
    hasty = again(socket_timeout=0.15, retry=never_again(again))
    await log(hasty.blpop, "l", 1, error=TimeoutError)
    # The reply that comes late is not the one of the next command.
    await log(hasty.set, "k", "v")
    await log(hasty.get, "k")


@flow
async def keys_that_expire(r, log, again):
    await log(r.set, "k", "v", px=1)
    await log(r.hset, "h", "f", "v")
    await log(r.pexpire, "h", 1)
    time.sleep(0.01)
    await log(r.get, "k")
    await log(r.hgetall, "h")
    await log(r.keys)
    await log(r.ttl, "k")


@flow
async def clients_that_are_killed(r, log, again):
    victim = again(single_connection_client=True, retry=never_again(again), client_name="victim")
    number = await settle(victim.client_id())
    await log(r.client_kill_filter, _id=str(number))
    await log(victim.get, "k", error=ConnectionError)
    # A client connects again, and is named as it was.
    await log(victim.get, "k")
    await log(victim.client_getname)
    waiting = again(single_connection_client=True, retry=never_again(again))
    number = await settle(waiting.client_id())
    again.later("client_kill_filter", _id=str(number))
    await log(waiting.blpop, "l", 4, error=ConnectionError)
    await log(waiting.ping)


# Clients with options


@flow
async def clients_of_databases(r, log, again):
    other = again(db=2)
    await log(other.set, "k", "of two")
    await log(r.get, "k")
    await log(other.get, "k")
    await log(r.set, "k", "of zero")
    await log(other.move, "k", 0)
    await log(r.copy, "k", "copied", destination_db=2)
    await log(other.get, "copied")
    await log(other.flushdb)
    await log(r.get, "k")
    lost = again(db=99, retry=never_again(again))
    await log(lost.get, "k", error=(ResponseError, ConnectionError))


@flow
async def clients_with_names(r, log, again):
    named = again(client_name="somebody")
    await log(named.client_getname)
    info = await settle(named.client_info())
    log.note("name and protocol", (info["name"], info["resp"]))
    await log(again(client_name="two words", retry=never_again(again)).ping, error=(ResponseError, ConnectionError))


@flow
async def clients_with_passwords(r, log, again):
    # A user who needs no password may have any, if it comes with the protocol.
    await log(again(password="any", retry=never_again(again)).ping, error=(AuthenticationError, None))
    await log(again(username="nobody", password="any", retry=never_again(again)).ping, error=AuthenticationError)


@flow
async def passwords_that_are_required(r, log, again):
    """Of whom a password is required is not compared: who has the engine in its own process has it."""
    keeper = again(single_connection_client=True)
    await log(keeper.config_set, "requirepass", "secret")
    try:
        await log(again(password="wrong", retry=never_again(again)).ping, error=AuthenticationError)
        await log(again(username="nobody", password="secret", retry=never_again(again)).ping, error=AuthenticationError)
        await log(again(password="secret").ping)
        await log(again(username="default", password="secret").ping)
    finally:
        await log(keeper.config_set, "requirepass", "")


@flow
async def authentication(r, log, again):
    one = again(single_connection_client=True, retry=never_again(again))
    await log(one.auth, "password", error=AuthenticationError)
    await log(one.auth, "password", "someone", error=AuthenticationError)
    await log(one.execute_command, "AUTH", error=AuthenticationWrongNumberOfArgsError)
    await log(one.ping)


@flow
async def texts_and_bytes(r, log, again):
    await log(r.set, "k", b"gr\xfc\xdfe")
    await log(again(decode_responses=True).get, "k", error=UnicodeDecodeError)
    await log(again(decode_responses=True, encoding_errors="replace").get, "k")
    latin = again(decode_responses=True, encoding="latin-1")
    await log(latin.get, "k")
    await log(latin.set, "ü", "é")
    await log(again(decode_responses=False).get, b"\xfc")
    await log(latin.set, "k", "\u20ac", error=UnicodeEncodeError)
    utf16 = again(encoding="utf-16-le", decode_responses=False)
    await log(utf16.rpush, "wide", "ab")
    await log(r.lrange, "w\0i\0d\0e\0", 0, 0)
    await log(r.hset, "h", b"\xff", b"\xfe")
    await log(again(decode_responses=True).hgetall, "h", error=UnicodeDecodeError)
    # What failed to be decoded has been read nevertheless.
    one = again(decode_responses=True, single_connection_client=True)
    await log(one.get, "k", error=UnicodeDecodeError)
    await log(one.echo, "next")


@flow
async def results_of_the_new_shape(r, log, again):
    new = again(legacy_responses=False)
    await log(new.hset, "h", mapping={"a": 1, "b": 2})
    await log(new.hgetall, "h")
    await log(new.zadd, "z", {"a": 1, "b": 2.5})
    await log(new.zrange, "z", 0, -1, withscores=True)
    await log(new.zscore, "z", "b")
    await log(new.sadd, "s", "a")
    await log(new.smembers, "s")
    await log(new.xadd, "x", {"f": "v"}, id="1-1")
    await log(new.xread, {"x": 0})
    await log(new.xinfo_groups, "x")
    await log(new.geoadd, "g", (13.361389, 38.115556, "P"))
    await log(new.geopos, "g", "P")
    await log(new.lmpop, 1, "none", direction="LEFT")
    await log(new.config_get, "maxmemory")
    await log(new.hrandfield, "h", 5, withvalues=True)
    await log(new.zpopmin, "z")
    await log(new.pubsub_numsub, "a")
    await log(new.lcs, "a", "b", idx=True)
    await log(new.client_trackinginfo)
    await log(new.command_getkeysandflags, "SET", "k", "v")


@flow
async def results_of_ones_own(r, log, again):
    own = again()
    own.set_response_callback("GET", lambda response, **options: ("own", response))
    await log(own.set, "k", "v")
    await log(own.get, "k")
    await log(own.execute_command, "GET", "k")
    await log(r.get, "k")


@flow
async def values_that_are_large(r, log, again):
    value = bytes(range(32, 127)) * 20_000
    await log(r.set, "k", value)
    log.note("came back", (await settle(r.get("k"))) in (value, value.decode()))
    await log(r.getrange, "k", 1_000_000, 1_000_010)
    await log(r.append, "k", value)
    await log(r.strlen, "k")


@flow
async def dumps(r, log, again):
    raw = again(decode_responses=False)
    await log(raw.rpush, "l", *range(300))
    await log(raw.hset, "h", mapping={"a": 1, "b": "x" * 100})
    await log(raw.zadd, "z", {"a": 1.5})
    await log(raw.xadd, "x", {"f": "v"}, id="1-1")
    for name in ("l", "h", "z", "x"):
        payload = await settle(raw.dump(name))
        log.note("a dump is", type(payload))
        log.note("and is restored", await settle(raw.restore(f"{name}2", 0, payload)))
    await log(r.lrange, "l2", 0, 3)
    await log(r.hgetall, "h2")
    await log(r.zrange, "z2", 0, -1, withscores=True)
    await log(r.xrange, "x2")


@flow
async def connections(r, log, again):
    one = again(single_connection_client=True)
    await log(one.client_setname, "one")
    await log(one.client_getname)
    await log(one.select, 3)
    await log(one.set, "k", "in three")
    await log(r.get, "k")
    full = again(max_connections=1)
    p = full.pubsub()
    await log(p.subscribe, "a")
    await log(full.ping, error=redis.exceptions.MaxConnectionsError)
    await log(p.aclose if again.kind == "asyncio" else p.close)
    await log(full.ping)
    # Closing gives connections back; a client that is used afterwards makes new ones.
    await log(full.aclose if again.kind == "asyncio" else full.close)
    await log(full.ping)


@flow
async def what_clients_send_is_watched(r, log, again):
    monitor = r.monitor()
    if again.kind == "sync":
        monitor.__enter__()
    else:
        await monitor.__aenter__()
    await log(r.set, "k", 'with "quotes" and \r\n')
    await log(r.eval, "return redis.call('GET', KEYS[1])", 1, "k")
    for _ in range(3):
        seen = await settle(monitor.next_command())
        log.note("seen", (seen["db"], seen["command"], seen["client_type"] == "lua"))
    if again.kind == "sync":
        monitor.__exit__()
    else:
        await monitor.__aexit__()


@flow
async def keys_that_are_tracked(r, log, again):
    if again.options["protocol"] == 2:
        return log.note("there are no pushes in RESP2", True)
    one = again(single_connection_client=True)
    await log(one.client_tracking_on)
    await log(one.client_trackinginfo)
    await log(one.set, "k", 1)
    await log(one.get, "k")
    await log(r.set, "k", 2)
    await log(one.get, "k")
    await log(one.client_tracking_off)
    await log(one.client_tracking_on, bcast=True, prefix=["a", "b"])
    await log(one.client_tracking_on, bcast=True, prefix=["ab"], error=ResponseError)
    await log(one.client_tracking_on, optin=True, error=ResponseError)
    await log(one.client_trackinginfo)
    await log(r.set, "a1", 2)
    await log(one.ping)
    await log(one.client_tracking_off)


@flow
async def lists_of_clients(r, log, again):
    named = again(client_name="listed", single_connection_client=True)
    await log(named.ping)
    clients = await settle(r.client_list())
    mine = next(client for client in clients if client["name"] == "listed")
    log.note("listed", {field: mine[field] for field in ("name", "db", "flags", "sub", "psub", "multi", "cmd", "resp")})
    log.note("fields", {"id", "addr", "laddr", "fd", "age", "idle", "user"} <= set(mine))
    await log(r.client_list, client_id=[mine["id"]], image=len)
    await log(r.client_list, _type="pubsub", image=len)
    await log(r.client_list, _type="strange", error=DataError)


@flow
async def clients_that_are_paused(r, log, again):
    await log(r.client_pause, 100, all=False)
    begin = time.monotonic()
    await log(r.get, "reads go on")
    log.note("at once", time.monotonic() - begin < 0.09)
    await log(r.set, "k", "writes wait")
    log.note("later", time.monotonic() - begin > 0.08)


@flow
async def memory_that_is_full(r, log, again):
    await log(r.set, "k", 1)
    await log(r.config_set, "maxmemory", 1)
    try:
        await log(r.set, "k", 2, error=redis.exceptions.OutOfMemoryError)
        await log(r.get, "k")
        await log(r.eval, "return redis.call('SET', KEYS[1], 1)", 1, "k", error=redis.exceptions.OutOfMemoryError)
        p = r.pipeline()
        p.set("k", 3).get("k")
        await log(p.execute, error=redis.exceptions.OutOfMemoryError)
    finally:
        await log(r.config_set, "maxmemory", 0)
    await log(r.delete, "k")
