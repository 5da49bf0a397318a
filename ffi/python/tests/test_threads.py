"""Threads of Python on one engine."""

import threading
import time

import carnelian
import redis

THREADS = 8


def run(*works):
    """Runs functions in a thread each; raises what one of them raised."""
    errors = []

    def guarded(work):
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=[work], daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


def test_threads_share_a_client():
    with carnelian.Redis() as r:

        def count():
            for n in range(500):
                r.incr("n")
                assert r.pipeline().rpush("l", n).incr("n").execute()[1] > 0

        run(*[count] * THREADS)
        assert int(r.get("n")) == THREADS * 1000
        assert r.llen("l") == THREADS * 500


def test_threads_wait_for_each_other_and_hear_each_other():
    rounds = 200
    with carnelian.Redis() as r:
        heard = [0] * THREADS
        listening = threading.Barrier(THREADS)

        def work(me):
            pubsub = r.pubsub(ignore_subscribe_messages=True)
            pubsub.subscribe("all")
            while not pubsub.subscribed or r.pubsub_numsub("all")[0][1] < THREADS:
                pubsub.get_message(timeout=0.01)
            listening.wait(30)
            for n in range(rounds):
                # A token for the next of the ring; who has none waits.
                r.rpush(f"ring:{(me + 1) % THREADS}", n)
                assert r.blpop(f"ring:{me}", timeout=30)[1] == str(n).encode()
                if n % 10 == 0:
                    r.publish("all", n)
            expected = THREADS * (rounds // 10)
            until = time.monotonic() + 30
            while heard[me] < expected and time.monotonic() < until:
                if pubsub.get_message(timeout=1):
                    heard[me] += 1
            pubsub.close()

        run(*[lambda me=me: work(me) for me in range(THREADS)])
        assert heard == [THREADS * (rounds // 10)] * THREADS


def test_threads_change_a_watched_key():
    with carnelian.Redis() as r:

        def add():
            for _ in range(50):
                r.transaction(lambda pipe: _add_one(pipe), "n")

        def _add_one(pipe):
            value = int(pipe.get("n") or 0)
            pipe.multi()
            pipe.set("n", value + 1)

        run(*[add] * 4)
        assert r.get("n") == b"200"


def test_the_interpreter_is_free_while_a_command_waits_or_works():
    with carnelian.Redis() as r:
        ticks = []
        done = threading.Event()

        def tick():
            while not done.is_set():
                ticks.append(time.monotonic())
                time.sleep(0.01)

        def work():
            r.blpop("none", timeout=0.5)
            r.eval("for i = 1, 30000000 do end", 0)
            done.set()

        run(tick, work)
        gaps = [after - before for before, after in zip(ticks, ticks[1:])]
        assert max(gaps) < 0.4, max(gaps)


def test_an_engine_is_closed_while_threads_wait():
    engine = carnelian.Engine()
    ended = []

    def wait():
        r = carnelian.Redis(engine=engine)
        try:
            r.blpop("none", timeout=30)
        except redis.ConnectionError as error:
            ended.append(error)

    def close():
        time.sleep(0.3)
        engine.close()

    began = time.monotonic()
    run(*[wait] * THREADS, close)
    assert len(ended) == THREADS and time.monotonic() - began < 10
