// Jobs from being added to being done or thrown away.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench, range, until } from "./bench.mjs";

test("a job is done and its result reaches who waits for it", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const events = bench.events();
  bench.worker(async (job) => {
    await job.updateProgress(50);
    await job.log("half way");
    return { sum: job.data.a + job.data.b, "текст": "☃" };
  });
  const job = await queue.add("add", { a: 1, b: 2.5 });
  assert.deepEqual(await job.waitUntilFinished(events, 10_000), { sum: 3.5, "текст": "☃" });

  const done = await queue.getJob(job.id);
  assert.equal(await done.getState(), "completed");
  assert.equal(done.progress, 50);
  assert.deepEqual((await queue.getJobLogs(job.id)).logs, ["half way"]);
  assert.ok(done.timestamp <= done.processedOn && done.processedOn <= done.finishedOn);
  assert.equal((await queue.getJobCounts("completed")).completed, 1);
});

test("events tell what happens to a job, in order", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const events = bench.events();
  const heard = [];
  for (const name of ["added", "waiting", "active", "progress", "completed", "failed"])
    events.on(name, ({ jobId, data, returnvalue, failedReason }) =>
      heard.push([name, jobId, data ?? returnvalue ?? failedReason ?? null]),
    );
  const [good, bad] = await queue.addBulk([
    { name: "good", data: {} },
    { name: "bad", data: {} },
  ]);
  bench.worker(async (job) => {
    await job.updateProgress({ of: job.name });
    if (job.name === "bad") throw new Error("as it was meant");
    return [job.name];
  });
  await until(() => heard.length >= 10, "ten events");
  const of = (id) => heard.filter((event) => event[1] === id).map(([name, , with_]) => [name, with_]);
  const beginning = [["added", null], ["waiting", null], ["active", null]];
  assert.deepEqual(of(good.id), [...beginning, ["progress", { of: "good" }], ["completed", ["good"]]]);
  assert.deepEqual(of(bad.id), [...beginning, ["progress", { of: "bad" }], ["failed", "as it was meant"]]);
});

test("many jobs at once keep their order", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const added = await queue.addBulk(range(300).map((n) => ({ name: "n", data: { n } })));
  assert.deepEqual(added.map((job) => job.data.n), range(300));
  const done = [];
  bench.worker(async (job) => done.push(job.data.n));
  await until(() => done.length >= 300);
  assert.deepEqual(done, range(300));
});

test("a long job's data is kept as it is", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const events = bench.events();
  const data = { long: "x\u0000é".repeat(100_000), nested: { list: [1, 0.1, -1e300, null, true, ""] } };
  bench.worker(async (job) => job.data);
  const job = await queue.add("long", data);
  assert.deepEqual(await job.waitUntilFinished(events, 10_000), data);
});

test("priorities come before the order of arrival", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  for (const [name, priority] of [["c", 30], ["a", 10], ["b", 20], ["a2", 10], ["late", 40]])
    await queue.add(name, {}, { priority });
  await queue.add("none", {});
  const jumper = await queue.add("jumper", {}, { priority: 50 });
  assert.equal(await jumper.getState(), "prioritized");
  assert.deepEqual(await queue.getCountsPerPriority([10, 20, 50]), { 10: 2, 20: 1, 50: 1 });
  await jumper.changePriority({ priority: 5 });
  await queue.add("first", {}, { lifo: true });
  const done = [];
  bench.worker(async (job) => done.push(job.name));
  await until(() => done.length >= 8);
  assert.deepEqual(done, ["first", "none", "jumper", "a", "a2", "b", "c", "late"]);
});

test("a paused queue keeps its jobs until it is resumed", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const events = bench.events();
  const done = [];
  const worker = bench.worker(async (job) => done.push(job.name));
  const before = await queue.add("before", {});
  await before.waitUntilFinished(events, 10_000);

  await queue.pause();
  assert.equal(await queue.isPaused(), true);
  const paused = await queue.add("while paused", {});
  // A worker of its own, so that some time passes in which a job would have been done.
  const other = bench.queue(`${bench.name}-other`);
  bench.worker(async () => {}, {}, other.name);
  const elsewhere = await other.add("elsewhere", {});
  await elsewhere.waitUntilFinished(bench.events(other.name), 10_000);
  assert.deepEqual(done, ["before"]);
  assert.equal(await queue.count(), 1);

  await queue.resume();
  await paused.waitUntilFinished(events, 10_000);
  assert.deepEqual(done, ["before", "while paused"]);

  await worker.pause();
  await queue.add("while its worker is paused", {});
  assert.equal(await queue.getWaitingCount(), 1);
  worker.resume();
  await until(() => done.length === 3);
});

test("an id is taken once, and so is a deduplication", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const ids = [];
  for (const n of range(3)) ids.push((await queue.add("mine", { n }, { jobId: "mine" })).id);
  assert.deepEqual(ids, ["mine", "mine", "mine"]);
  assert.deepEqual((await queue.getJob("mine")).data, { n: 0 });

  const first = await queue.add("d", { n: 0 }, { deduplication: { id: "d" } });
  const second = await queue.add("d", { n: 1 }, { deduplication: { id: "d" } });
  assert.equal(second.id, first.id);
  assert.equal(await queue.getDeduplicationJobId("d"), first.id);
  assert.equal(await queue.getWaitingCount(), 2);
});

test("what is kept of finished jobs is limited", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  let done = 0;
  bench.worker(async (job) => {
    done++;
    if (job.data.fail) throw new Error("as it was meant");
  }, { removeOnComplete: { count: 5 } });
  await queue.addBulk(range(20).map((n) => ({ name: "n", data: { n } })));
  await queue.add("gone", { fail: true }, { removeOnFail: true });
  await queue.add("gone", {}, { removeOnComplete: true });
  await until(() => done === 22);
  await until(async () => (await queue.getActiveCount()) === 0);
  assert.deepEqual((await queue.getCompleted()).map((job) => job.data.n), [19, 18, 17, 16, 15]);
  assert.equal(await queue.getFailedCount(), 0);
});

test("jobs are removed, drained, cleaned and obliterated", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const redis = bench.redis();
  const worker = bench.worker(async (job) => {
    if (job.data.fail) throw new Error("as it was meant");
  });
  await queue.addBulk(range(30).map((n) => ({ name: "n", data: { fail: n % 3 === 0 } })));
  await until(async () => {
    const { completed, failed } = await queue.getJobCounts("completed", "failed");
    return completed + failed === 30;
  });
  await worker.close();
  assert.equal((await queue.clean(0, 5, "completed")).length, 5);
  assert.deepEqual(await queue.getJobCounts("completed", "failed"), { completed: 15, failed: 10 });
  assert.deepEqual(await queue.clean(3_600_000, 0, "completed"), []);
  assert.equal((await queue.clean(0, 0, "failed")).length, 10);
  assert.deepEqual(await queue.getJobCounts("completed", "failed"), { completed: 15, failed: 0 });

  const job = await queue.add("removed", {});
  assert.equal(await queue.remove(job.id), 1);
  assert.equal(await queue.getJob(job.id), undefined);
  await queue.add("waits", {});
  await queue.add("is late", {}, { delay: 3_600_000 });
  await queue.drain();
  assert.deepEqual(await queue.getJobCounts("waiting", "delayed"), { waiting: 0, delayed: 1 });

  await queue.add("waits", {}, { priority: 3 });
  await queue.obliterate();
  assert.deepEqual(await redis.keys(`bull:${queue.name}:*`), []);
});
