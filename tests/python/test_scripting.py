"""Scripts and functions through redis-py."""

import contextlib
import threading
import time

import pytest
import redis

ADD = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
LIBRARY = """#!lua name=mine
redis.register_function('add', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)
redis.register_function{
  function_name = 'look',
  callback = function(keys) return redis.call('GET', keys[1]) end,
  flags = {'no-writes'},
}
"""


@pytest.fixture
def functions(text):
    """A server without functions, before and after."""
    text.function_flush("SYNC")
    yield text
    text.function_flush("SYNC")


@pytest.fixture
def impatient(text):
    """A server that answers others soon while a script goes on."""
    before = text.config_get("busy-reply-threshold")
    text.config_set("busy-reply-threshold", 50)
    yield text
    text.config_set("busy-reply-threshold", before["busy-reply-threshold"])


def test_what_scripts_return(text, protocol):
    assert text.eval("return {1, 'two', {3.9, false}, true, {'end', nil, 'unseen'}}", 0) == [
        1,
        "two",
        [3, None],
        1,
        ["end"],
    ]
    assert text.eval("return {KEYS, ARGV}", 2, "a", "b", "c") == [["a", "b"], ["c"]]
    assert text.eval("return redis.status_reply('FINE')", 0) == "FINE"
    assert text.eval_ro("return redis.call('EXISTS', KEYS[1])", 1, "k") == 0
    typed = text.eval("redis.setresp(3); return {map = {a = 1}}", 0)
    assert typed == ({"a": 1} if protocol == 3 else ["a", 1])


def test_bytes_go_through_unchanged(r):
    everything = bytes(range(256))
    script = "redis.call('SET', KEYS[1], ARGV[1]); return redis.call('GET', KEYS[1])"
    assert r.eval(script, 1, everything, everything) == everything
    assert r.get(everything) == everything


def test_registered_scripts_survive_a_flush(text):
    add = text.register_script(ADD)
    assert add(keys=["n"], args=[5]) == 5
    assert text.script_exists(add.sha, "0" * 40) == [True, False]
    text.script_flush()
    assert text.script_exists(add.sha) == [False]
    assert add(keys=["n"], args=[5]) == 10
    assert text.script_exists(add.sha) == [True]
    assert text.script_load(ADD) == add.sha
    assert text.evalsha_ro(text.script_load("return redis.call('GET', KEYS[1])"), 1, "n") == "10"


@pytest.mark.parametrize("transaction", [False, True])
def test_scripts_in_pipelines(text, transaction):
    add = text.register_script(ADD)
    text.script_flush()
    with text.pipeline(transaction=transaction) as pipe:
        for n in range(100):
            add(keys=["n"], args=[n], client=pipe)
        pipe.get("n")
        # redis-py loads what is missing before it sends a pipeline.
        assert pipe.execute() == [sum(range(n + 1)) for n in range(100)] + ["4950"]
        pipe.set("s", "x").evalsha("0" * 40, 0).eval("return redis.call('INCR', KEYS[1])", 1, "s").get("s")
        first, missing, wrong, last = pipe.execute(raise_on_error=False)
    assert (first, last) == (True, "x")
    assert isinstance(missing, redis.exceptions.NoScriptError)
    assert isinstance(wrong, redis.ResponseError) and "not an integer" in str(wrong)


def test_scripts_are_atomic(text):
    """Threads count with a script that reads and writes in two calls."""
    add = text.register_script("redis.call('SET', KEYS[1], (tonumber(redis.call('GET', KEYS[1])) or 0) + 1)")

    def count():
        for _ in range(100):
            add(keys=["n"])

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert text.get("n") == "400"


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ("return redis.call('INCR', KEYS[1])", redis.ResponseError, "not an integer.*script: "),
        ("return redis.pcall('INCR', KEYS[1])", redis.ResponseError, "not an integer"),
        ("return redis.call('LPUSH', KEYS[1], 1)", redis.ResponseError, "WRONGTYPE Operation against a key"),
        ("return redis.error_reply('MINE of my own')", redis.ResponseError, "^MINE of my own$"),
        ("return {err = 'READONLY as a replica'}", redis.exceptions.ReadOnlyError, "^as a replica$"),
        ("error('thrown')", redis.ResponseError, "user_script:1: thrown script: "),
        ("error({err = 'OOM thrown'})", redis.exceptions.OutOfMemoryError, "thrown"),
        ("return redis.call('NOTHING')", redis.ResponseError, "Unknown Redis command called from script"),
        ("return redis.call('GET')", redis.ResponseError, "Wrong number of args calling Redis command from script"),
        ("return redis.call('BLPOP', 'l')", redis.ResponseError, "Wrong number of args"),
        ("return redis.call('SUBSCRIBE', 'c')", redis.ResponseError, "not allowed from script"),
        ("return nothing()", redis.ResponseError, "nonexistent global variable 'nothing'"),
        ("mine = 1", redis.ResponseError, "Attempt to modify a readonly table"),
        ("return", None, None),
        ("return (", redis.ResponseError, "Error compiling script"),
        ("#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 1)", redis.ResponseError, "Write commands are not"),
        ("#!lua flags=nothing\nreturn 1", redis.ResponseError, "Unexpected flag in script shebang"),
    ],
)
def test_errors(text, script, error, words):
    text.set("s", "x")
    if error is None:
        assert text.eval(script, 1, "s") is None
    else:
        with pytest.raises(error, match=words) as raised:
            text.eval(script, 1, "s")
        assert type(raised.value) is error
    assert text.get("s") == "x"


def test_errors_of_calls(text):
    with pytest.raises(redis.exceptions.NoScriptError, match="No matching script"):
        text.evalsha("0" * 40, 0)
    with pytest.raises(redis.ResponseError, match="Number of keys can't be greater than number of args"):
        text.eval("return 1", 2, "k")
    with pytest.raises(redis.ResponseError, match="Write commands are not allowed from read-only scripts"):
        text.eval_ro("return redis.call('SET', KEYS[1], 1)", 1, "k")
    with pytest.raises(redis.ResponseError, match="NOTBUSY"):
        text.script_kill()
    with pytest.raises(redis.ResponseError, match="NOTBUSY"):
        text.function_kill()


class Busy:
    """A script that goes on with a client of its own, on a thread of its own, and how it ended."""

    def __init__(self, client, run):
        self.client, self.run = client, run
        self.raised = self.returned = None

    def __enter__(self):
        self.thread = threading.Thread(target=self.go)
        self.thread.start()
        end = time.monotonic() + 10
        while True:
            try:
                self.client.ping()
            except redis.ResponseError as error:
                # redis-py has no exception of its own for it: its BusyLoadingError is about LOADING.
                assert type(error) is redis.ResponseError
                self.words = str(error)
                return self
            assert time.monotonic() < end, "nobody is told that a script is busy"
            time.sleep(0.005)

    def __exit__(self, kind, *_):
        if kind:
            # What the failed test has not killed would answer BUSY to all that follow.
            for kill in (self.client.script_kill, self.client.function_kill):
                with contextlib.suppress(redis.ResponseError):
                    kill()
        self.thread.join(20)
        assert not self.thread.is_alive()

    def go(self):
        with redis.Redis(
            connection_pool=redis.ConnectionPool(**self.client.connection_pool.connection_kwargs)
        ) as client:
            try:
                self.returned = self.run(client)
            except redis.RedisError as error:
                self.raised = error


def pairs(reply):
    """A map, whichever protocol it came by."""
    return reply if isinstance(reply, dict) else dict(zip(reply[::2], reply[1::2]))


def test_a_busy_script_is_killed(impatient):
    with Busy(impatient, lambda client: client.eval("while true do end", 0)) as busy:
        assert busy.words.startswith("BUSY Redis is busy running a script. You can only call SCRIPT KILL")
        with pytest.raises(redis.ResponseError, match="^BUSY "):
            impatient.function_kill()
        assert impatient.script_kill() in (True, "OK")
    assert "Script killed by user with SCRIPT KILL" in str(busy.raised)
    assert impatient.ping()


def test_a_busy_function_is_killed(functions, impatient):
    functions.function_load("#!lua name=slow\nredis.register_function('forever', function() while true do end end)")
    with Busy(impatient, lambda client: client.fcall("forever", 0)) as busy:
        assert busy.words.startswith("BUSY Redis is busy running a script. You can only call FUNCTION KILL")
        running = pairs(pairs(impatient.function_stats())["running_script"])
        assert running["name"] == "forever" and running["command"] == ["FCALL", "forever", "0"]
        assert running["duration_ms"] >= 50
        assert impatient.function_kill() in (True, "OK")
    # Redis 7.0 says SCRIPT KILL here as well.
    assert "Script killed by user with " in str(busy.raised)
    assert impatient.ping()


def test_a_script_that_has_written_is_not_killed(impatient):
    # It ends by itself, after work enough for it to be refused. Its time stands still, so it cannot wait for that.
    script = """
    redis.call('SET', KEYS[1], 'written')
    for i = 1, 300000000 do end
    return 'to its end'
    """
    with Busy(impatient, lambda client: client.eval(script, 1, "k")) as busy:
        with pytest.raises(redis.ResponseError, match="UNKILLABLE"):
            impatient.script_kill()
    assert (busy.returned, busy.raised) == ("to its end", None)
    assert impatient.get("k") == "written"


def test_functions(functions):
    assert functions.function_load(LIBRARY) == "mine"
    assert functions.fcall("add", 1, "n", 5) == 5
    assert functions.fcall("look", 1, "n") == "5"
    assert functions.fcall_ro("look", 1, "n") == "5"
    with pytest.raises(redis.ResponseError, match="Can not execute a script with write flag using .*_ro command"):
        functions.fcall_ro("add", 1, "n", 5)
    with pytest.raises(redis.ResponseError, match="Function not found"):
        functions.fcall("nothing", 0)
    with pytest.raises(redis.ResponseError, match="Library 'mine' already exists"):
        functions.function_load(LIBRARY)
    with pytest.raises(redis.ResponseError, match="Error compiling function"):
        functions.function_load("#!lua name=other\nreturn (")
    assert functions.function_load(LIBRARY.replace("'add'", "'more'"), replace=True) == "mine"
    with pytest.raises(redis.ResponseError, match="Function not found"):
        functions.fcall("add", 1, "n", 5)
    assert functions.fcall("more", 1, "n", 5) == 10
    assert functions.function_delete("mine") in (True, "OK")
    with pytest.raises(redis.ResponseError, match="Library not found"):
        functions.function_delete("mine")


def test_lists_of_functions(functions):
    functions.function_load(LIBRARY)
    functions.function_load(LIBRARY.replace("mine", "other").replace("'add'", "'more'").replace("'look'", "'see'"))
    libraries = [pairs(library) for library in functions.function_list()]
    assert sorted(library["library_name"] for library in libraries) == ["mine", "other"]
    (mine,) = functions.function_list("m*", withcode=True)
    mine = pairs(mine)
    assert (mine["engine"], mine["library_code"]) == ("LUA", LIBRARY)
    found = {function["name"]: list(function["flags"]) for function in map(pairs, mine["functions"])}
    assert found == {"add": [], "look": ["no-writes"]}
    stats = pairs(functions.function_stats())
    assert stats["running_script"] is None
    assert pairs(pairs(stats["engines"])["LUA"]) == {"libraries_count": 2, "functions_count": 4}


def test_functions_are_dumped_and_restored(functions, protocol):
    with redis.Redis(
        connection_pool=redis.ConnectionPool(
            **{**functions.connection_pool.connection_kwargs, "decode_responses": False}
        )
    ) as raw:
        functions.function_load(LIBRARY)
        payload = raw.function_dump()
        functions.function_flush("SYNC")
        assert functions.function_list() == []
        raw.function_restore(payload)
        assert functions.fcall("add", 1, "n", 5) == 5
        with pytest.raises(redis.ResponseError, match="already exists"):
            raw.function_restore(payload)
        functions.function_load(LIBRARY.replace("mine", "other").replace("'add'", "'more'").replace("'look'", "'see'"))
        raw.function_restore(payload, "REPLACE")
        assert len(functions.function_list()) == 2
        raw.function_restore(payload, "FLUSH")
        assert len(functions.function_list()) == 1
        with pytest.raises(redis.ResponseError, match="payload version or checksum are wrong"):
            raw.function_restore(payload[:-1] + b"x")


def test_functions_in_transactions(functions):
    with functions.pipeline(transaction=True) as pipe:
        pipe.function_load(LIBRARY).fcall("add", 1, "n", 5).fcall_ro("look", 1, "n").eval(ADD, 1, "n", 2)
        assert pipe.execute() == ["mine", 5, "5", 7]
