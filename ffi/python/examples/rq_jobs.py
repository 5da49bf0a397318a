"""RQ's queue and its worker in one process, with nothing beside it: for a desktop program, a command or a test.

    python rq_jobs.py

The jobs are kept in a directory if one is given (`carnelian.Redis("jobs")`), so that those that are waiting when the
program ends are done when it runs again.
"""

import threading

import carnelian
from rq import Queue, Retry, SimpleWorker
from rq.timeouts import TimerDeathPenalty

from rq_tasks import add, attempts, flaky


class ThreadWorker(SimpleWorker):
    """A worker that may run in any thread: signals, which it would use, belong to the main one."""

    death_penalty_class = TimerDeathPenalty

    def _install_signal_handlers(self):
        pass


def main():
    redis = carnelian.Redis()
    queue = Queue(connection=redis)

    sums = [queue.enqueue(add, n, n) for n in range(3)]
    work = ThreadWorker([queue], connection=redis).work
    worker = threading.Thread(target=work, kwargs={"max_jobs": 7, "logging_level": "ERROR"})
    worker.start()
    # The worker waits for jobs by now, or works.
    late = queue.enqueue(flaky, retry=Retry(max=2))
    last = queue.enqueue(add, late.id, " was tried again", depends_on=late)
    worker.join(timeout=60)

    print("sums:", [job.return_value() for job in sums])
    print("flaky:", late.return_value(), "after", len(attempts), "attempts")
    print("dependent:", last.get_status(refresh=True).value, len(queue), "left")


if __name__ == "__main__":
    main()
