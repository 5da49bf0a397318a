// Jobs whose time is to come: delayed, tried again, held back by a rate, made by a schedule.
//
// Machines are slow and never early: no test says that something happens soon.

import assert from "node:assert/strict";
import { test } from "node:test";
import { UnrecoverableError, Worker } from "bullmq";
import { Bench, range, until } from "./bench.mjs";

test("delayed jobs are done in their order and not before their time", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const done = [];
  bench.worker(async (job) => done.push(job));
  const delays = [400, 100, 300, 200];
  for (const delay of delays) await queue.add(`after ${delay}`, {}, { delay });
  await until(() => done.length >= delays.length);
  for (const job of done) assert.ok(job.processedOn - job.timestamp >= job.opts.delay, job.name);
  // By when they are due; adding them takes its time, too.
  const due = (job) => job.timestamp + job.opts.delay;
  const inOrder = [...done].sort((a, b) => due(a) - due(b));
  assert.deepEqual(done.map((job) => job.name), inOrder.map((job) => job.name));
});

test("a delayed job is promoted, or given another delay", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const events = bench.events();
  bench.worker(async (job) => job.name);
  const hour = 3_600_000;
  const [first, second] = await queue.addBulk([
    { name: "first", data: {}, opts: { delay: hour } },
    { name: "second", data: {}, opts: { delay: hour } },
  ]);
  assert.equal(await first.getState(), "delayed");
  await first.promote();
  assert.equal(await first.waitUntilFinished(events, 10_000), "first");
  assert.equal(await second.getState(), "delayed");
  await second.changeDelay(50);
  assert.equal(await second.waitUntilFinished(events, 10_000), "second");
});

test("a failing job is tried again, each time later", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const events = bench.events();
  const tries = [];
  let delayed = 0;
  events.on("delayed", () => delayed++);
  bench.worker(async (job) => {
    tries.push(job.processedOn);
    if (tries.length < 4) throw new Error(`try ${tries.length}`);
    return "at last";
  });
  const job = await queue.add("flaky", {}, { attempts: 5, backoff: { type: "exponential", delay: 50 } });
  assert.equal(await job.waitUntilFinished(events, 10_000), "at last");
  const done = await queue.getJob(job.id);
  assert.equal(done.attemptsMade, 4);
  assert.deepEqual(done.stacktrace.map((trace) => trace.split("\n")[0]), range(3).map((n) => `Error: try ${n + 1}`));
  for (const n of range(3)) assert.ok(tries[n + 1] - tries[n] >= 50 * 2 ** n, `${tries}`);
  assert.equal(delayed, 3);
});

test("a job that has failed for good is retried by hand", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const events = bench.events();
  const exhausted = new Promise((resolve) => events.on("retries-exhausted", resolve));
  let broken = true;
  bench.worker(async () => {
    if (broken) throw new Error("still broken");
    return "repaired";
  });
  const job = await queue.add("job", {}, { attempts: 2 });
  await assert.rejects(job.waitUntilFinished(events, 10_000), /still broken/);
  assert.deepEqual(await exhausted, { jobId: job.id, attemptsMade: "2" });
  const failed = await queue.getJob(job.id);
  assert.equal(await failed.getState(), "failed");
  assert.equal(failed.failedReason, "still broken");
  assert.deepEqual((await queue.getFailed()).map((failed) => failed.id), [job.id]);

  broken = false;
  await failed.retry("failed");
  await until(() => failed.isCompleted());
  assert.equal((await queue.getJob(job.id)).returnvalue, "repaired");
  assert.equal(await queue.getFailedCount(), 0);
});

test("many failed jobs are retried together", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  let broken = true;
  bench.worker(async () => {
    if (broken) throw new Error("still broken");
  }, { concurrency: 5 });
  await queue.addBulk(range(50).map((n) => ({ name: "n", data: { n } })));
  await until(async () => (await queue.getFailedCount()) === 50);
  broken = false;
  await queue.retryJobs({ count: 20 });
  await until(async () => (await queue.getCompletedCount()) === 50);
  assert.equal(await queue.getFailedCount(), 0);
});

test("what cannot succeed is not tried again", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const events = bench.events();
  let tries = 0;
  bench.worker(async () => {
    tries++;
    throw new UnrecoverableError("never");
  });
  const job = await queue.add("job", {}, { attempts: 5 });
  await assert.rejects(job.waitUntilFinished(events, 10_000), /never/);
  assert.equal(tries, 1);
});

test("a rate is kept", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const times = [];
  await queue.addBulk(range(10).map((n) => ({ name: "n", data: { n } })));
  // Two workers share it.
  for (const _ of range(2))
    bench.worker(async (job) => times.push(job.processedOn), { concurrency: 5, limiter: { max: 5, duration: 1_000 } });
  await until(async () => (await queue.getRateLimitTtl(5)) > 0, "the limit is reached");
  await until(() => times.length >= 10);
  times.sort((a, b) => a - b);
  // The server's clock decides, and a worker notes its own shortly before. Without a limit it would be no time.
  assert.ok(times[5] - times[0] >= 400, `${times.map((time) => time - times[0])}`);
});

test("a worker asks for a rest", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const events = bench.events();
  const times = [];
  const worker = bench.worker(async (job) => {
    times.push(Date.now());
    if (times.length === 1) {
      await worker.rateLimit(300);
      throw Worker.RateLimitError();
    }
    return job.attemptsMade;
  }, { limiter: { max: 100, duration: 300 } });
  const job = await queue.add("job", {});
  // The first try does not count.
  assert.equal(await job.waitUntilFinished(events, 10_000), 0);
  assert.ok(times[1] - times[0] >= 200, `${times}`);
});

test("a schedule makes jobs until it is removed", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const done = [];
  bench.worker(async (job) => done.push(job));
  await queue.upsertJobScheduler("often", { every: 100 }, { name: "tick", data: { of: "often" } });
  await until(() => done.length >= 5);
  assert.equal(await queue.removeJobScheduler("often"), true);
  assert.equal(await queue.removeJobScheduler("often"), false);
  assert.equal(await queue.getJobSchedulersCount(), 0);
  await until(async () => (await queue.getActiveCount()) === 0);
  assert.equal(await queue.getDelayedCount(), 0);
  for (const job of done) assert.deepEqual([job.name, job.data], ["tick", { of: "often" }]);
  // Each is made for a time of its own, which is in its id; a slow worker may have missed some.
  const due = done.map((job) => Number(job.id.split(":").at(-1)));
  for (const n of range(due.length - 1)) {
    assert.ok(due[n + 1] > due[n] && (due[n + 1] - due[n]) % 100 === 0, `${due}`);
    assert.ok(done[n + 1].processedOn >= due[n + 1]);
  }
});

test("a schedule is limited, and changed by its id", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  let done = 0;
  bench.worker(async () => done++);
  await queue.upsertJobScheduler("few", { every: 3_600_000 }, { name: "hourly" });
  assert.equal((await queue.getJobScheduler("few")).every, 3_600_000);
  done = 0;
  await queue.upsertJobScheduler("few", { every: 50, limit: 3 }, { name: "few" });
  const schedulers = await queue.getJobSchedulers();
  assert.deepEqual(schedulers.map(({ key, name, every, limit }) => ({ key, name, every, limit })), [
    { key: "few", name: "few", every: 50, limit: 3 },
  ]);
  await until(() => done >= 3);
  await until(async () => (await queue.getDelayedCount()) + (await queue.getWaitingCount()) === 0);
});

test("cron's patterns are schedules", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const done = [];
  bench.worker(async (job) => done.push(job));
  await queue.upsertJobScheduler("cron", { pattern: "* * * * * *" }, { name: "second" });
  await until(() => done.length >= 2);
  await queue.removeJobScheduler("cron");
  const due = done.map((job) => Number(job.id.split(":").at(-1)));
  for (const time of due) assert.equal(time % 1000, 0);
  assert.ok(due[1] > due[0]);
  for (const [n, job] of done.entries()) assert.ok(job.processedOn >= due[n]);
});
