"""Processes: forks, ends without a goodbye, and what is kept when one is killed."""

import signal
import subprocess
import sys
import time

import carnelian
import pytest
import redis


def test_an_engine_is_refused_to_a_forked_child(in_child):
    assert issubclass(carnelian.ForkedError, redis.ConnectionError)
    with carnelian.Engine() as engine:
        r = carnelian.Redis(engine=engine)
        r.set("k", "v")
        single = r.client()
        pipe = r.pipeline()
        pipe.watch("k")
        pubsub = r.pubsub()
        pubsub.subscribe("c")
        for call in [
            lambda: r.get("k"),
            lambda: single.get("k"),
            lambda: pubsub.get_message(),
            lambda: r.pipeline().get("k").execute(),
            lambda: carnelian.Redis(engine=engine).get("k"),
            lambda: engine.serve(),
            lambda: engine.check(),
        ]:
            began = time.monotonic()
            assert in_child(call) == "raised ForkedError"
            assert time.monotonic() - began < 3
        # A transaction that began before is over: so says redis-py of all connections that are lost.
        assert in_child(lambda: pipe.get("k")) in ("raised WatchError", "raised ForkedError")
        # In the parent all is well.
        assert (r.get("k"), single.get("k"), pipe.get("k")) == (b"v", b"v", b"v")


def test_a_forked_child_may_open_an_engine_of_its_own(in_child):
    with carnelian.Redis() as r:
        r.set("k", "parent")

        def own():
            with carnelian.Redis() as own:
                own.set("k", "child")
                return own.get("k")

        assert in_child(own) in ("returned b'child'", "raised ForkedError")
        assert r.get("k") == b"parent"


def test_a_child_connects_to_what_the_parent_serves(in_child):
    with carnelian.Redis() as r:
        host, port = r.engine.serve()
        r.set("k", "parent")
        assert in_child(lambda: redis.Redis(host, port).get("k")) == "returned b'parent'"


def test_forking_while_threads_work(in_child):
    import threading

    with carnelian.Redis() as r:
        done = threading.Event()

        def work():
            while not done.is_set():
                r.incr("n")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(20):
                assert in_child(lambda: r.get("n")) == "raised ForkedError"
        finally:
            done.set()
        for thread in threads:
            thread.join(10)


def test_a_program_ends_without_closing_anything(program, tmp_path):
    for ending in ["", "sys.exit(0)", "os.kill(os.getpid(), signal.SIGTERM)", "del r, p"]:
        program(
            f"""
            import carnelian, os, signal, sys, threading
            r = carnelian.Redis("data")
            r.incr("n")
            p = r.pubsub()
            p.subscribe("c")
            threading.Thread(target=lambda: r.blpop("none"), daemon=True).start()
            threading.Thread(target=lambda: list(p.listen()), daemon=True).start()
            r.engine.serve()
            import time; time.sleep(0.1)
            {ending}
            """,
            expect=-signal.SIGTERM if "SIGTERM" in ending else 0,
        )
    assert program("import carnelian; print(carnelian.Redis('data').get('n'))") == "b'4'\n"


def test_a_program_ends_within_a_loop(program):
    program(
        """
        import asyncio, carnelian.asyncio
        async def main():
            r = carnelian.asyncio.Redis()
            await r.set("k", "v")
            asyncio.ensure_future(r.blpop("none"))
            await asyncio.sleep(0.05)
        asyncio.run(main())
        """
    )


def test_a_wait_is_interrupted(program):
    said = program(
        """
        import _thread, carnelian, signal, threading, time
        # Whoever is started in the background may have been told to pass the signal over.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        r = carnelian.Redis()
        for wait in [lambda: r.blpop("none"), lambda: r.pubsub().listen() and p.get_message(timeout=None)]:
            p = r.pubsub()
            p.subscribe("c")
            p.get_message(timeout=1)
            threading.Timer(0.2, __import__("os").kill, [__import__("os").getpid(), 2]).start()
            began = time.monotonic()
            try:
                wait()
            except KeyboardInterrupt:
                print(time.monotonic() - began < 2, r.ping())
        """
    )
    assert said == "True True\n" * 2


WRITER = """
import carnelian, sys, threading
policy, store = sys.argv[1:3]
r = carnelian.Redis("data", appendonly=True, appendfsync=policy, aof_store=store)
def write(me):
    n = 0
    while True:
        n = r.incr(f"n{me}")
        r.pipeline().rpush(f"l{me}", n).set(f"k{me}", n).execute()
        # One write: whoever reads it never sees the half of a line.
        __import__("os").write(1, f"{me} {n}\\n".encode())
for me in range(4):
    threading.Thread(target=write, args=[me], daemon=True).start()
threading.Event().wait()
"""


@pytest.mark.parametrize("store", ["mapped", "written"])
@pytest.mark.parametrize("policy", ["always", "everysec", "no"])
def test_what_was_acknowledged_outlives_a_kill(tmp_path, policy, store):
    # Of each thread: what its counter and its last value are at least.
    counted, written = {}, {}
    for _ in range(2):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, policy, store], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        lines = [writer.stdout.readline() for _ in range(200)]
        writer.send_signal(signal.SIGKILL)
        lines += writer.stdout.read().splitlines()
        writer.wait()
        for line in lines:
            me, n = line.split()
            counted[me] = written[me] = int(n)
        with carnelian.Redis(tmp_path / "data", appendonly=True) as r:
            for me in counted:
                n, k = int(r.get(f"n{me}")), int(r.get(f"k{me}"))
                # What was under way may be there too, and a transaction is there whole or not at all.
                assert counted[me] <= n <= counted[me] + 1
                assert written[me] <= k <= n
                assert int(r.lindex(f"l{me}", -1)) == k
                counted[me], written[me] = n, k


def test_an_open_directory_is_no_business_of_a_forked_child(tmp_path, in_child):
    """The child ends with the parent's engine in its memory, and leaves the files alone."""
    with carnelian.Redis(tmp_path / "data", appendonly=True) as r:
        r.set("k", "v")
        assert in_child(lambda: r.close()) == "returned None"
        r.set("k", "w")
        r.engine.check()
    with carnelian.Redis(tmp_path / "data", appendonly=True) as r:
        assert r.get("k") == b"w"
