// Several workers of one queue, workers that are lost, and a server that has forgotten all scripts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Bench, range, sleep, until } from "./bench.mjs";

test("every job is done once, whoever does it", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const done = [];
  const took = range(4).map(() => 0);
  for (const n of range(4))
    bench.worker(async (job) => {
      await sleep(Math.random() * 5);
      took[n]++;
      done.push(job.data.n);
    }, { concurrency: 8 });
  // Some are added while others are done, one by one and together.
  await Promise.all([
    queue.addBulk(range(250).map((n) => ({ name: "n", data: { n } }))),
    ...range(250).map((n) => queue.add("n", { n: 250 + n })),
  ]);
  await until(async () => (await queue.getCompletedCount()) === 500);
  assert.deepEqual(done.sort((a, b) => a - b), range(500));
  assert.ok(took.filter((count) => count > 0).length >= 2, `${took}`);
  assert.deepEqual(await queue.getJobCounts("waiting", "active", "failed", "delayed"), {
    waiting: 0,
    active: 0,
    failed: 0,
    delayed: 0,
  });
});

test("no more are active than a queue allows", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  await queue.setGlobalConcurrency(3);
  assert.equal(await queue.getGlobalConcurrency(), 3);
  let [active, most, done] = [0, 0, 0];
  await queue.addBulk(range(40).map((n) => ({ name: "n", data: { n } })));
  for (const _ of range(3))
    bench.worker(async () => {
      most = Math.max(most, ++active);
      await sleep(5);
      active--;
      done++;
    }, { concurrency: 10 });
  await until(() => done >= 40);
  assert.equal(most, 3);
});

test("a lost worker's job is done by another", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const events = bench.events();
  const stalled = [];
  events.on("stalled", ({ jobId }) => stalled.push(jobId));
  const job = await queue.add("job", {});
  // Without a function, a worker gives jobs by hand and does not prolong their locks.
  const lost = bench.worker(undefined, { lockDuration: 100 });
  assert.equal((await lost.getNextJob("token")).id, job.id);
  assert.equal(await job.getState(), "active");
  bench.worker(async () => "by another", { stalledInterval: 200 });
  assert.equal(await job.waitUntilFinished(events, 10_000), "by another");
  assert.deepEqual(stalled, [job.id]);
  await assert.rejects((await queue.getJob(job.id)).moveToCompleted("late", "token"));
});

test("locks of long jobs are prolonged", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const events = bench.events();
  let tries = 0;
  const work = async () => {
    tries++;
    await sleep(3_000);
    return "done";
  };
  for (const _ of range(2)) bench.worker(work, { lockDuration: 2_000, lockRenewTime: 200, stalledInterval: 200 });
  const job = await queue.add("long", {});
  assert.equal(await job.waitUntilFinished(events, 10_000), "done");
  assert.equal(tries, 1);
});

test("workers wait for jobs with no load on the server, and are woken", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const redis = bench.redis();
  const events = bench.events();
  bench.worker(async (job) => job.name);
  const blocked = async () => Number(/blocked_clients:(\d+)/.exec(await redis.info("clients"))[1]);
  // The worker waits for a marker and the listener for events.
  await until(async () => (await blocked()) === 2, "two blocked clients");
  for (const n of range(20)) {
    const job = await queue.add(`${n}`, {});
    assert.equal(await job.waitUntilFinished(events, 10_000), `${n}`);
  }
});

test("scripts that the server has forgotten are sent again", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const redis = bench.redis();
  const events = bench.events();
  let tries = 0;
  bench.worker(async (job) => {
    tries++;
    await redis.script("FLUSH");
    if (job.attemptsMade === 0) throw new Error("once more");
    return job.data.n;
  });
  for (const n of range(10)) {
    await redis.script("FLUSH");
    const job = await queue.add("n", { n }, { attempts: 2, backoff: 10 });
    assert.equal(await job.waitUntilFinished(events, 10_000), n);
  }
  assert.equal(tries, 20);
});
