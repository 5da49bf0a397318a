"""Engines: whose they are, what they keep, how they end."""

import gc
import os
import pickle

import carnelian
import pytest
import redis


def test_a_client_without_a_path_has_an_engine_of_its_own():
    with carnelian.Redis() as one, carnelian.Redis() as other:
        one.set("k", "one")
        assert other.get("k") is None
        assert isinstance(one, redis.Redis)


def test_an_engine_is_shared_by_clients_that_are_given_it():
    with carnelian.Engine() as engine:
        one, other = carnelian.Redis(engine=engine), carnelian.Redis(engine=engine, db=1)
        one.set("k", "zero")
        other.set("k", "one")
        assert (one.get("k"), other.get("k")) == (b"zero", b"one")


def test_what_is_in_a_directory_is_there_again(tmp_path):
    with carnelian.Redis(tmp_path / "data", appendonly=True) as r:
        r.set("k", "kept")
    with carnelian.Redis(str(tmp_path / "data"), appendonly=True) as r:
        assert r.get("k") == b"kept"


def test_a_directory_has_one_engine_by_whatever_name(tmp_path):
    os.symlink(tmp_path / "data", tmp_path / "link")
    with carnelian.Redis(tmp_path / "data") as one, carnelian.Redis(tmp_path / "link") as other:
        one.set("k", "v")
        assert other.get("k") == b"v"
        one.close()
        # The engine is open as long as anybody has it.
        assert other.get("k") == b"v"


def test_a_client_that_was_closed_opens_its_directory_again(tmp_path):
    r = carnelian.Redis(tmp_path / "data")
    r.set("k", "v")
    r.close()
    assert r.engine.closed
    assert r.get("k") == b"v"
    r.close()


def test_a_client_that_was_closed_does_not_pretend_that_memory_was_kept():
    r = carnelian.Redis()
    r.set("k", "v")
    r.close()
    with pytest.raises(carnelian.ClosedError):
        r.get("k")


def test_the_directory_is_free_once_nobody_has_the_engine(tmp_path, program):
    use = "import carnelian, sys; print(carnelian.Redis(sys.argv[1]).incr('n'))"
    r = carnelian.Redis(tmp_path / "data")
    assert r.incr("n") == 1
    del r
    for _ in range(3):
        # PyPy takes its time.
        gc.collect()
    assert program(use, tmp_path / "data") == "2\n"


def test_a_directory_that_another_process_has_is_refused(tmp_path, program):
    with carnelian.Redis(tmp_path / "data"):
        said = program(
            """
            import carnelian, sys
            try:
                carnelian.Redis(sys.argv[1])
            except carnelian.EngineError as error:
                print(error)
            """,
            tmp_path / "data",
        )
    assert said.strip() and "None" not in said


def test_another_directive_for_an_open_engine_is_refused(tmp_path):
    with carnelian.Engine(tmp_path, maxmemory="100mb"):
        with carnelian.Engine(tmp_path, maxmemory="100mb"), carnelian.Engine(tmp_path):
            pass
        with pytest.raises(carnelian.EngineError, match="maxmemory"):
            carnelian.Engine(tmp_path, maxmemory="200mb")


def test_directives_are_those_of_redis_conf():
    with carnelian.Redis(maxmemory="100mb", maxmemory_policy="allkeys-lru", decode_responses=True) as r:
        assert r.config_get("maxmemory*")["maxmemory"] == "104857600"
        assert r.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}


@pytest.mark.parametrize("directive", [{"no_such_thing": 1}, {"maxmemory": "much"}])
def test_a_directive_that_is_none_is_an_error_that_names_it(directive):
    with pytest.raises(carnelian.EngineError, match=next(iter(directive)).replace("_", "-")):
        carnelian.Redis(**directive)


@pytest.mark.parametrize("option", ["host", "port", "unix_socket_path", "ssl"])
def test_how_a_server_is_reached_is_not_asked(option):
    with pytest.raises(TypeError, match=option):
        carnelian.Redis(**{option: "x"})


def test_an_engine_that_is_open_takes_no_path():
    with carnelian.Engine() as engine, pytest.raises(TypeError):
        carnelian.Redis("data", engine=engine)


def test_a_pool_of_servers_is_refused():
    with pytest.raises(TypeError):
        carnelian.Redis(connection_pool=redis.ConnectionPool())


def test_urls(tmp_path):
    with carnelian.from_url(f"carnelian://{tmp_path}/data?db=3&decode_responses=yes") as r:
        r.set("k", "v")
        assert r.get("k") == "v"
        with carnelian.Redis(tmp_path / "data", db=3) as same:
            assert same.get("k") == b"v"
    with carnelian.from_url("carnelian://cache") as one, carnelian.Redis(name="cache") as other:
        one.set("k", "v")
        assert other.get("k") == b"v"
    with carnelian.Redis(name="cache") as anew:
        assert anew.get("k") is None
    for url in ["redis://localhost", "carnelian://data/keys"]:
        with pytest.raises(ValueError):
            carnelian.from_url(url)


def test_a_pool_is_enough_for_redis_pys_own_client():
    pool = carnelian.ConnectionPool.from_url("carnelian://")
    r = redis.Redis(connection_pool=pool)
    assert r.set("k", "v") and r.get("k") == b"v"
    assert r.pipeline().incr("n").incr("n").execute() == [1, 2]
    pool.close()


def test_nothing_is_possible_after_close():
    engine = carnelian.Engine()
    r = carnelian.Redis(engine=engine)
    single = r.client()
    pipe = r.pipeline()
    pipe.watch("k")
    pubsub = r.pubsub()
    pubsub.subscribe("c")
    engine.close()
    engine.close()
    for call in [
        lambda: r.get("k"),
        lambda: single.get("k"),
        lambda: pipe.get("k"),
        lambda: pubsub.get_message(),
        lambda: r.pipeline().get("k").execute(),
        lambda: carnelian.Redis(engine=engine).get("k"),
        lambda: engine.serve(),
        lambda: engine.clock,
    ]:
        with pytest.raises((carnelian.ClosedError, redis.WatchError)):
            call()
    assert issubclass(carnelian.ClosedError, redis.ConnectionError)


def test_pipelines_and_channels_outlive_the_client_they_come_from():
    pipe = carnelian.Redis().pipeline()
    gc.collect()
    assert pipe.set("k", "v").get("k").execute() == [True, b"v"]


def test_redis_clients_see_the_same_keys_where_it_is_served(tmp_path):
    with carnelian.Redis() as r:
        host, port = r.engine.serve()
        r.set("k", "inside")
        with redis.Redis(host, port) as remote:
            assert remote.get("k") == b"inside"
            remote.rpush("q", "outside")
        assert r.blpop("q") == (b"q", b"outside")
        path = r.engine.serve(str(tmp_path / "socket"))
        with redis.Redis(unix_socket_path=path) as remote:
            assert remote.get("k") == b"inside"
        with pytest.raises(carnelian.EngineError):
            r.engine.serve("127.0.0.1", port)
    with pytest.raises(redis.ConnectionError):
        redis.Redis(host, port, retry=None).ping()


def test_a_clock_is_turned():
    with carnelian.Engine(clock=1_000_000) as engine, carnelian.Redis(engine=engine) as r:
        r.set("k", "v", ex=60)
        assert r.time() == (1_000_000, 0)
        engine.clock.advance(59.5)
        assert r.get("k") == b"v"
        engine.clock.advance(0.501)
        assert r.get("k") is None
        assert engine.clock.time() == 1_000_060.001
        with pytest.raises(ValueError):
            engine.clock.advance(-1)


def test_a_clock_that_is_the_machines_is_not_turned():
    with carnelian.Engine() as engine, pytest.raises(carnelian.EngineError):
        engine.clock.advance(1)


def test_engines_and_clients_are_not_pickled():
    with carnelian.Engine() as engine:
        for thing in [engine, carnelian.Redis(engine=engine)]:
            with pytest.raises((TypeError, pickle.PicklingError)):
                pickle.dumps(thing)


def test_what_they_say_of_themselves(tmp_path):
    with carnelian.Redis(tmp_path) as r:
        assert str(tmp_path) in repr(r.engine) and str(tmp_path) in repr(r)
    assert "closed" in repr(r.engine)
    assert carnelian.__version__.count(".") == 2
