"""Tasks of celery_served.py: what any Celery application looks like, with Redis as broker and for results."""

import os

from celery import Celery

url = os.environ["CELERY_URL"]
app = Celery("celery_tasks", broker=url, backend=url)


@app.task
def add(a, b):
    return a + b


@app.task(bind=True, max_retries=3, default_retry_delay=0)
def flaky(self):
    if self.request.retries < 2:
        raise self.retry()
    return self.request.retries


@app.task
def total(numbers):
    return sum(numbers)
