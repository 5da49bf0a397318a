"""redis-py's features on an engine in this process, in both protocols."""

import threading
import time

import carnelian
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def test_commands_of_all_kinds_of_replies(r):
    assert r.set("k", "v") is True
    assert r.set("k", "w", nx=True) is None
    assert r.set("k", "w", get=True) == b"v"
    assert r.strlen("k") == 1
    assert r.hset("h", mapping={"a": 1, "b": 2}) == 2
    assert r.hgetall("h") == {b"a": b"1", b"b": b"2"}
    assert r.zadd("z", {"m": 1.5}) == 1
    assert r.zscore("z", "m") == 1.5
    assert [tuple(pair) for pair in r.zrange("z", 0, -1, withscores=True)] == [(b"m", 1.5)]
    assert r.smembers("none") == set()
    assert r.config_get("maxmemory") == {"maxmemory": "0"}
    assert r.type("h") == b"hash"
    assert r.lrange("none", 0, -1) == []
    assert r.xadd("s", {"f": "v"}, id="1-1") == b"1-1"
    assert [tuple(entry) for entry in r.xrange("s")] == [(b"1-1", {b"f": b"v"})]
    assert r.info("server")["redis_version"]
    assert r.execute_command("PING") == b"PONG" or r.ping()


def test_errors_are_redis_pys(r):
    r.set("k", "v")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        r.lpush("k", "x")
    with pytest.raises(redis.ResponseError, match="unknown command"):
        r.execute_command("NO-SUCH-COMMAND")
    with pytest.raises(redis.exceptions.NoScriptError):
        r.evalsha("0" * 40, 0)
    with pytest.raises(redis.DataError):
        r.set("k", object())
    with pytest.raises(redis.DataError):
        r.set("k", True)
    # The connection goes on.
    assert r.get("k") == b"v"


def test_strings_if_asked(text):
    text.set("k", "ü")
    assert text.get("k") == "ü"
    text.hset("h", "f", "v")
    assert text.hgetall("h") == {"f": "v"}
    assert text.lpush("l", "a", "b") == 2
    assert text.lrange("l", 0, -1) == ["b", "a"]
    assert text.pipeline().get("k").lrange("l", 0, -1).execute() == ["ü", ["b", "a"]]
    # What must not be decoded is not.
    assert isinstance(text.dump("k"), bytes)


def test_other_encodings():
    with carnelian.Redis(encoding="latin-1", decode_responses=True) as r:
        r.set("ü", "ü")
        assert r.get("ü") == "ü"
        with carnelian.Redis(engine=r.engine) as raw:
            assert raw.get(b"\xfc") == b"\xfc"


def test_what_cannot_be_decoded_is_an_error_and_no_more(r, text):
    r.set("k", b"\xff")
    for _ in range(2):
        with pytest.raises(UnicodeDecodeError):
            text.get("k")
    assert text.strlen("k") == 1


@pytest.mark.parametrize("size", [0, 1, 32 * 1024 - 8, 32 * 1024, 32 * 1024 + 1, 5_000_000])
def test_values_of_any_size(r, size):
    value = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    r.set("k", value)
    assert r.get("k") == value
    assert r.pipeline().get("k").get("k").execute() == [value, value]
    assert r.strlen("k") == size


def test_arguments_of_any_kind(r):
    for value, kept in [(b"b", b"b"), ("ü", "ü".encode()), (7, b"7"), (1.5, b"1.5"), (bytearray(b"x"), b"x"),
                        (memoryview(b"y"), b"y"), (-(10**30), str(-(10**30)).encode())]:  # fmt: skip
        if isinstance(value, bytearray) and int(redis.__version__.split(".")[0]) < 8:
            continue
        r.set("k", value)
        assert r.get("k") == kept
        r.pipeline().set("p", value).execute()
        assert r.get("p") == kept
    assert r.execute_command("config get", "maxmemory")
    assert r.execute_command(b"SET", b"k", b"v") in (b"OK", True)
    assert r.execute_command("get", "k") == b"v"
    assert r.mset({f"k{n}": n for n in range(500)})
    assert r.mget([f"k{n}" for n in range(500)]) == [str(n).encode() for n in range(500)]


@pytest.mark.parametrize("name", ["%s", "SET%d", "", " ", "\r\n", "GET\r\nSET", "x" * 100_000, "É", "\x00"])
def test_hostile_names_of_commands(r, name):
    with pytest.raises((redis.RedisError, IndexError)):
        r.execute_command(name, "k")
    assert r.ping()
    with pytest.raises((redis.RedisError, IndexError)):
        r.pipeline(transaction=False).execute_command(name, "%d").execute()
    assert r.ping()


def test_hostile_keys_and_values(r):
    for hostile in [b"", b"\r\n", b"$5\r\nhello\r\n", b"*1\r\n", b"%d%s%b", b"\x00" * 1000, b">2\r\n", b"-ERR x\r\n"]:
        r.set(hostile, hostile)
        r.rpush(b"l" + hostile, hostile, hostile)
        assert r.get(hostile) == hostile
        assert r.lrange(b"l" + hostile, 0, -1) == [hostile, hostile]
        assert r.pipeline().get(hostile).execute() == [hostile]


def test_pipelines(r):
    for transaction in (True, False):
        r.flushall()
        pipe = r.pipeline(transaction=transaction)
        assert pipe.execute() == []
        assert pipe.set("k", "v").incr("n").hgetall("none").get("k").execute() == [True, 1, {}, b"v"]
        # Many, more than fit at once.
        for n in range(3000):
            pipe.set(f"k{n}", "v" * 100)
        for n in range(3000):
            pipe.get(f"k{n}")
        assert pipe.execute() == [True] * 3000 + [b"v" * 100] * 3000
        pipe.set("s", "text").lpush("s", 1).get("s")
        with pytest.raises(redis.ResponseError, match="Command # 2 .LPUSH s 1. of pipeline caused error: WRONGTYPE"):
            pipe.execute()
        pipe.set("s", "text").lpush("s", 1).get("s")
        done = pipe.execute(raise_on_error=False)
        assert done[0] is True and isinstance(done[1], redis.ResponseError) and done[2] == b"text"
        # An error that Redis finds while it queues.
        pipe.set("q", "queued").execute_command("SET", "only-a-key").get("q")
        with pytest.raises(redis.ResponseError, match="wrong number of arguments"):
            pipe.execute()
        assert r.get("q") == (None if transaction else b"queued")


def test_watched_keys(r):
    r.set("n", 1)
    with r.pipeline() as pipe:
        pipe.watch("n")
        assert pipe.get("n") == b"1"
        pipe.multi()
        pipe.set("n", 2)
        assert pipe.execute() == [True]
        pipe.watch("n")
        r.set("n", 3)
        pipe.multi()
        pipe.set("n", 4)
        with pytest.raises(redis.WatchError):
            pipe.execute()
    assert r.get("n") == b"3"

    def add_one(pipe):
        n = int(pipe.get("n"))
        pipe.multi()
        pipe.set("n", n + 1)

    assert r.transaction(add_one, "n") == [True]
    assert r.get("n") == b"4"


def test_scripts(r):
    script = r.register_script("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}")
    assert script(keys=["n"], args=["a"]) == [b"n", b"a", 1]
    r.script_flush()
    assert script(keys=["n"], args=["a"]) == [b"n", b"a", 2]
    pipe = r.pipeline()
    script(keys=["n"], args=["b"], client=pipe)
    assert pipe.execute() == [[b"n", b"b", 3]]
    with pytest.raises(redis.ResponseError, match="oops"):
        r.eval("return redis.error_reply('oops')", 0)


def test_locks(r):
    with r.lock("lock", timeout=10):
        assert not r.lock("lock", timeout=10, blocking=False).acquire()
    lock = r.lock("lock", timeout=0.05)
    assert lock.acquire()
    time.sleep(0.1)
    with pytest.raises(redis.exceptions.LockError):
        lock.release()


def test_scans(r):
    keys = {f"k{n}".encode() for n in range(1000)}
    r.mset({key: 1 for key in keys})
    assert set(r.scan_iter(count=50)) == keys
    assert set(r.scan_iter(match="k99*")) == {key for key in keys if key.startswith(b"k99")}
    r.hset("h", mapping={n: n for n in range(1000)})
    assert len(dict(r.hscan_iter("h"))) == 1000


def test_channels(r):
    pubsub = r.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe("c")
    pubsub.psubscribe("p*")
    assert pubsub.get_message(timeout=1) is None and pubsub.get_message(timeout=1) is None
    assert r.publish("c", "hello") == 1
    assert r.publish("px", "there") == 1
    assert pubsub.get_message(timeout=5)["data"] == b"hello"
    assert pubsub.get_message(timeout=5)["data"] == b"there"
    began = time.monotonic()
    assert pubsub.get_message(timeout=0.1) is None
    assert 0.05 < time.monotonic() - began < 2
    pubsub.close()
    assert r.publish("c", "hello") == 0


def test_channels_in_a_thread(r):
    heard, two = [], threading.Event()

    def hear(message):
        heard.append(message["data"])
        if len(heard) == 2:
            two.set()

    pubsub = r.pubsub()
    pubsub.subscribe(c=hear)
    thread = pubsub.run_in_thread(sleep_time=10)
    # Another thread subscribes while that one waits.
    pubsub.psubscribe(**{"p*": hear})
    while r.pubsub_numpat() == 0:
        time.sleep(0.01)
    r.publish("c", 1)
    r.publish("p", 2)
    assert two.wait(10)
    assert heard == [b"1", b"2"]
    thread.stop()
    r.publish("c", 3)
    thread.join(10)
    assert not thread.is_alive()


def test_a_listener_is_woken_by_the_end_of_its_engine():
    engine = carnelian.Engine()
    pubsub = carnelian.Redis(engine=engine).pubsub()
    pubsub.subscribe("c")
    raised = []

    def listen():
        try:
            for _ in pubsub.listen():
                pass
        except redis.ConnectionError as error:
            raised.append(error)

    thread = threading.Thread(target=listen)
    thread.start()
    time.sleep(0.1)
    engine.close()
    thread.join(10)
    assert not thread.is_alive()
    assert isinstance(raised[0], carnelian.ClosedError)


def test_commands_that_wait(r):
    began = time.monotonic()
    assert r.blpop("q", timeout=0.2) is None
    assert 0.15 < time.monotonic() - began < 3
    for command, change in [
        (lambda: list(r.blpop("q", timeout=10)) == [b"q", b"x"], lambda: r.rpush("q", "x")),
        (lambda: r.xread({"s": "$"}, block=10_000), lambda: r.xadd("s", {"f": "v"})),
    ]:
        later = threading.Timer(0.1, change)
        later.start()
        assert command()
        later.join()


def test_a_client_may_wait_no_longer_than_it_says():
    with carnelian.Redis(socket_timeout=0.2, retry=Retry(NoBackoff(), 0)) as r:
        began = time.monotonic()
        with pytest.raises(redis.TimeoutError):
            r.blpop("q", timeout=10)
        assert time.monotonic() - began < 3
        # Nobody waits there any more.
        r.rpush("q", "x")
        assert r.lpop("q") == b"x"


def test_a_client_that_is_killed_connects_again(r):
    r.client_setname("old")
    assert r.client_kill_filter(_id=r.client_id(), skipme=False)
    assert r.ping()
    assert not r.client_getname()


def test_quitting(r):
    assert r.execute_command("QUIT")
    assert r.ping()


def test_a_connection_of_its_own(r):
    single = r.client()
    single.client_setname("mine")
    assert single.client_getname() in (b"mine", "mine")
    assert single.get("k") is None
    with pytest.raises(redis.ResponseError):
        single.execute_command("NO-SUCH-COMMAND")
    assert single.client_getname() in (b"mine", "mine")


def test_names_and_databases(protocol):
    with carnelian.Redis(client_name="me", db=5, protocol=protocol) as r:
        r.set("k", "v")
        assert r.client_getname() in (b"me", "me")
        assert r.client_info()["db"] == 5
        assert r.info("keyspace")["db5"]["keys"] == 1


def test_passwords():
    with carnelian.Engine(requirepass="secret") as engine:
        assert carnelian.Redis(engine=engine, password="secret").ping()


def test_health_checks():
    with carnelian.Redis(health_check_interval=1) as r:
        assert r.set("k", "v")
        time.sleep(1.1)
        assert r.get("k") == b"v"


def test_callbacks_stay_in_force(r):
    r.set_response_callback("GET", lambda reply, **_: ("called", reply))
    r.set("k", "v")
    assert r.get("k") == ("called", b"v")
    assert r.pipeline().get("k").execute() == [("called", b"v")]
    assert r.execute_command("get", "k") == ("called", b"v")


def test_pushes_between_replies():
    with carnelian.Redis(protocol=3, single_connection_client=True) as tracking:
        other = carnelian.Redis(engine=tracking.engine)
        told = []
        tracking.connection._parser.set_invalidation_push_handler(told.append)
        tracking.execute_command("CLIENT", "TRACKING", "ON")
        for n in range(3):
            other.set("k", n)
            assert tracking.get("k") == str(n).encode()
        other.set("k", "last")
        assert tracking.get("k") == b"last"
        assert [b"invalidate", [b"k"]] in told


def test_pushes_on_connections_of_a_pool():
    with carnelian.Redis(protocol=3, max_connections=1) as r:
        with carnelian.Redis(engine=r.engine) as other:
            r.execute_command("CLIENT", "TRACKING", "ON")
            for n in range(100):
                other.set("k", n)
                assert r.get("k") == str(n).encode()
                assert r.pipeline().get("k").strlen("k").execute() == [str(n).encode(), len(str(n))]
                r.blpop("none", timeout=0.001)


def test_client_side_caching():
    cache = pytest.importorskip("redis.cache")
    with carnelian.Redis(protocol=3, cache_config=cache.CacheConfig()) as r:
        with carnelian.Redis(engine=r.engine) as other:
            other.set("k", "v")
            assert r.get("k") == b"v" and r.get("k") == b"v"
            assert r.get_cache().size == 1
            other.set("k", "w")
            assert r.get("k") == b"w"


def test_what_another_client_does_is_shown(r):
    with r.monitor() as monitor:
        r.set("k", "v")
        while (command := monitor.next_command()["command"]) != "SET k v":
            assert command.split()[0] in ("HELLO", "CLIENT")


def test_a_packer_of_the_users_own():
    pack = pytest.importorskip("redis.connection").PythonRespSerializer

    class Packer(pack):
        packed = 0

        def pack(self, *arguments):
            Packer.packed += 1
            return super().pack(*arguments)

    packer = Packer(6000, redis.connection.Encoder("utf-8", "strict", False).encode)
    pool = carnelian.ConnectionPool(command_packer=packer)
    with carnelian.Redis(connection_pool=pool) as r:
        assert r.ping()
        before = Packer.packed
        r.set("k", "v")
        assert Packer.packed == before + 1


def test_pools_that_wait():
    pool = carnelian.BlockingConnectionPool(max_connections=1, timeout=0.1)
    r = carnelian.Redis(connection_pool=pool)
    with r.client():
        with pytest.raises(redis.ConnectionError, match="No connection available"):
            r.get("k")
    assert r.get("k") is None
    pool.close()
