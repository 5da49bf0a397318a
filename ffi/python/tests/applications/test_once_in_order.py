"""Eight threads on one engine: what is handed out is handed out once, in the order of who sent it."""

import asyncio
import collections
import threading

import carnelian
import carnelian.asyncio
import pytest
import redis

MESSAGES = 400
END = b"end"


@pytest.fixture
def engine():
    with carnelian.Engine() as engine:
        yield engine


def run(*work):
    """Runs functions, each in a thread of its own, and raises what any of them raises."""
    errors = []

    def guarded(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    # Daemons: a thread that waits for ever fails the test, and does not keep the others from ending.
    threads = [threading.Thread(target=guarded, args=(function,), daemon=True) for function in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not errors, errors
    assert not any(thread.is_alive() for thread in threads), "a thread is stuck"


def of_each(received):
    """What came, by who sent it: messages are `sender number`."""
    numbers = collections.defaultdict(list)
    for message in received:
        sender, number = message.split()
        numbers[sender].append(int(number))
    return numbers


def test_queues(engine):
    received = [[] for _ in range(4)]

    def producer(sender):
        r = carnelian.Redis(engine=engine)
        for i in range(MESSAGES):
            r.rpush("queue", f"{sender} {i}")

    def consumer(mine):
        r = carnelian.Redis(engine=engine)
        while (message := r.blpop("queue", timeout=30)[1]) != END:
            mine.append(message)

    producers = [lambda sender=sender: producer(sender) for sender in range(4)]

    def produce_and_end():
        run(*producers)
        carnelian.Redis(engine=engine).rpush("queue", *[END] * 4)

    run(produce_and_end, *(lambda mine=mine: consumer(mine) for mine in received))
    for mine in received:
        for numbers in of_each(mine).values():
            assert numbers == sorted(numbers), "out of order"
    everything = of_each(message for mine in received for message in mine)
    assert len(everything) == 4
    for numbers in everything.values():
        assert sorted(numbers) == list(range(MESSAGES)), "lost, or handed out twice"


def test_channels(engine):
    received = [[] for _ in range(4)]
    ready = threading.Barrier(8)

    def publisher(sender):
        r = carnelian.Redis(engine=engine)
        ready.wait(30)
        for i in range(MESSAGES):
            assert r.publish(f"channel:{sender}", f"{sender} {i}") == 4

    def subscriber(mine, by_pattern):
        p = carnelian.Redis(engine=engine).pubsub(ignore_subscribe_messages=True)
        if by_pattern:
            p.psubscribe("channel:*")
        else:
            p.subscribe(*(f"channel:{sender}" for sender in range(4)))
        # The confirmations have come, so the subscriptions are made.
        for _ in range(1 if by_pattern else 4):
            assert p.get_message(timeout=30) is None
        ready.wait(30)
        while len(mine) < 4 * MESSAGES:
            message = p.get_message(timeout=30)
            assert message is not None, "lost"
            mine.append(message["data"])
        assert p.get_message(timeout=0.05) is None, "handed out twice"
        p.close()

    run(
        *(lambda sender=sender: publisher(sender) for sender in range(4)),
        *(lambda i=i: subscriber(received[i], by_pattern=i % 2 == 1) for i in range(4)),
    )
    for mine in received:
        numbers = of_each(mine)
        assert len(numbers) == 4
        for of_one in numbers.values():
            assert of_one == list(range(MESSAGES))


def test_threads_that_share_a_client(engine):
    """A ring: each thread waits for its own list and passes on to the next, all through one client and its pool."""
    client = carnelian.Redis(engine=engine, decode_responses=True)
    seen = [[] for _ in range(8)]

    def link(place):
        following = f"ring:{(place + 1) % 8}"
        for _ in range(50):
            token = int(client.blpop(f"ring:{place}", timeout=30)[1])
            seen[place].append(token)
            with client.pipeline() as p:
                p.incr("passed").rpush(following, token + 1).execute()

    client.rpush("ring:0", 0)
    run(*(lambda place=place: link(place) for place in range(8)))
    for place in range(8):
        assert seen[place] == list(range(place, 400, 8))
    assert client.get("passed") == "400"


def test_transactions(engine):
    """Each increment is made by reading and writing, and is tried again when another came between."""

    def work():
        r = carnelian.Redis(engine=engine)

        def increment(pipe):
            n = int(pipe.get("n") or 0)
            pipe.multi()
            pipe.set("n", n + 1)
            pipe.publish("changes", n + 1)

        for _ in range(50):
            r.transaction(increment, "n")

    p = carnelian.Redis(engine=engine).pubsub(ignore_subscribe_messages=True)
    p.subscribe("changes")
    assert p.get_message(timeout=30) is None
    run(*[work] * 8)
    assert carnelian.Redis(engine=engine).get("n") == b"400"
    assert [int(p.get_message(timeout=30)["data"]) for _ in range(400)] == list(range(1, 401))
    p.close()


def test_streams(engine):
    """Eight consumers of a group, while entries come: each has entries of its own, in order."""
    r = carnelian.Redis(engine=engine)
    r.xgroup_create("stream", "group", mkstream=True)
    received = [[] for _ in range(7)]

    def producer():
        for i in range(MESSAGES):
            r.xadd("stream", {"number": i})

    def consumer(name, mine):
        mine_alone = carnelian.Redis(engine=engine)
        while found := mine_alone.xreadgroup("group", name, {"stream": ">"}, count=3, block=1000):
            # RESP3 has a dictionary and RESP2 a list of pairs.
            entries = dict(found)[b"stream"]
            for entry, fields in entries if isinstance(entries[0], tuple) else entries[0]:
                mine.append(int(fields[b"number"]))
                assert mine_alone.xack("stream", "group", entry) == 1

    run(producer, *(lambda i=i: consumer(f"consumer {i}", received[i]) for i in range(7)))
    for mine in received:
        assert mine == sorted(mine)
    assert sorted(number for mine in received for number in mine) == list(range(MESSAGES))
    assert r.xpending("stream", "group")["pending"] == 0


def test_locks(engine):
    inside, most = [], []

    def work():
        r = carnelian.Redis(engine=engine)
        for _ in range(20):
            with r.lock("lock", timeout=30, sleep=0.001):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    run(*[work] * 8)
    assert max(most) == 1 and len(most) == 160


def test_threads_beside_an_event_loop(engine):
    """Four threads push and wait for an answer, and four tasks of a loop wait and answer."""
    received = [[] for _ in range(4)]

    def pusher(sender):
        r = carnelian.Redis(engine=engine)
        for i in range(MESSAGES):
            r.rpush(f"to the loop:{sender}", f"{sender} {i}")
            assert r.blpop(f"from the loop:{sender}", timeout=30)[1] == b"%d" % i

    async def task(sender):
        client = carnelian.asyncio.Redis(engine=engine)
        for i in range(MESSAGES):
            _, message = await client.blpop(f"to the loop:{sender}", timeout=30)
            received[sender].append(message)
            await client.rpush(f"from the loop:{sender}", i)
        await client.aclose()

    async def tasks():
        await asyncio.gather(*map(task, range(4)))

    run(lambda: asyncio.run(tasks()), *(lambda sender=sender: pusher(sender) for sender in range(4)))
    for sender in range(4):
        assert received[sender] == [b"%d %d" % (sender, i) for i in range(MESSAGES)]


def test_messages_in_a_thread_of_redis_py(engine):
    """`run_in_thread`: redis-py's own thread calls the handler, and ends when it is told."""
    heard, done = [], threading.Event()

    def handler(message):
        heard.append(message["data"])
        if len(heard) == MESSAGES:
            done.set()

    r = carnelian.Redis(engine=engine)
    p = r.pubsub()
    p.subscribe(channel=handler)
    thread = p.run_in_thread(sleep_time=0.01)
    for i in range(MESSAGES):
        r.publish("channel", i)
    assert done.wait(30)
    thread.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert heard == [b"%d" % i for i in range(MESSAGES)]


def test_clients_that_wait_when_the_engine_is_closed():
    engine = carnelian.Engine()
    raised = []

    def wait():
        try:
            carnelian.Redis(engine=engine).blpop("nothing", timeout=30)
        except redis.ConnectionError as error:
            raised.append(type(error))

    def close():
        r = carnelian.Redis(engine=engine)
        while int(r.info("clients")["blocked_clients"]) < 7:
            pass
        engine.close()

    run(close, *[wait] * 7)
    assert len(raised) == 7
