"""RQ on an engine: its queues, registries and workers, in one process."""

import threading
import time

import carnelian
import pytest
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.registry import FailedJobRegistry, FinishedJobRegistry, ScheduledJobRegistry
from rq.timeouts import TimerDeathPenalty


class ThreadWorker(SimpleWorker):
    death_penalty_class = TimerDeathPenalty

    def _install_signal_handlers(self):
        pass


def add(a, b):
    return a + b


def fail():
    raise ZeroDivisionError("as asked")


# RQ closes its channel's connection under redis-py's thread, which complains, with a server's connections too.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture(params=[2, 3], ids=["resp2", "resp3"])
def connection(request):
    with carnelian.Engine() as engine:
        yield carnelian.Redis(engine=engine, protocol=request.param)


def test_a_burst(connection):
    queue = Queue(connection=connection)
    jobs = [queue.enqueue(add, n, 1) for n in range(20)]
    failing = queue.enqueue(fail)
    assert len(queue) == 21
    assert ThreadWorker([queue], connection=connection).work(burst=True)
    assert [job.return_value(refresh=True) for job in jobs] == list(range(1, 21))
    assert failing.get_status(refresh=True).value == "failed"
    assert "ZeroDivisionError: as asked" in failing.latest_result().exc_string
    assert FailedJobRegistry(queue=queue).get_job_ids() == [failing.id]
    assert len(FinishedJobRegistry(queue=queue)) == 20
    assert queue.is_empty()
    assert Job.fetch(jobs[0].id, connection=connection).return_value() == 1


def test_priorities_and_dependencies(connection):
    low, high = Queue("low", connection=connection), Queue("high", connection=connection)
    first = low.enqueue(add, "l", "ow")
    second = low.enqueue(add, 1, 1, depends_on=first)
    urgent = high.enqueue(add, "hi", "gh")
    assert second.get_status().value == "deferred"
    ThreadWorker([high, low], connection=connection).work(burst=True)
    assert [job.return_value(refresh=True) for job in (urgent, first, second)] == ["high", "low", 2]
    urgent, first = (Job.fetch(job.id, connection=connection) for job in (urgent, first))
    assert urgent.ended_at <= first.started_at


def test_workers_that_wait(connection):
    """Two workers wait in a blocking pop, and are told to shut down through their channels."""
    queue = Queue(connection=connection)
    workers = [ThreadWorker([queue], connection=connection, name=f"worker-{i}") for i in range(2)]
    threads = [threading.Thread(target=worker.work, daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    jobs = [queue.enqueue(add, n, n) for n in range(20)]
    end = time.monotonic() + 60
    while time.monotonic() < end and not all(job.is_finished for job in jobs):
        time.sleep(0.01)
    assert [job.return_value(refresh=True) for job in jobs] == [2 * n for n in range(20)]
    assert {worker.name for worker in ThreadWorker.all(connection=connection)} == {"worker-0", "worker-1"}
    for worker in workers:
        worker._stop_requested = True
    for worker in workers:
        queue.enqueue(add, 0, 0)
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_scheduled_jobs_are_kept(connection):
    from datetime import timedelta

    queue = Queue(connection=connection)
    job = queue.enqueue_in(timedelta(hours=1), add, 1, 2)
    assert job.get_status().value == "scheduled"
    assert ScheduledJobRegistry(queue=queue).get_job_ids() == [job.id]
    job.delete()
    assert len(ScheduledJobRegistry(queue=queue)) == 0
