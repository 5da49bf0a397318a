// Trees of jobs: a parent waits for its children and gets their results.

import assert from "node:assert/strict";
import { test } from "node:test";
import { WaitingChildrenError } from "bullmq";
import { Bench, range, until } from "./bench.mjs";

test("a parent waits for its children and has their results", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const children = bench.queue(`${bench.name}-children`);
  const order = [];
  const { job: parent } = await bench.flows().add({
    name: "sum",
    queueName: queue.name,
    data: {},
    children: range(5).map((n) => ({ name: "square", queueName: children.name, data: { n } })),
  });
  assert.equal(await parent.getState(), "waiting-children");
  assert.deepEqual(await parent.getDependenciesCount(), { failed: 0, ignored: 0, processed: 0, unprocessed: 5 });

  bench.worker(async (job) => {
    order.push(job.name);
    const values = await job.getChildrenValues();
    return Object.values(values).reduce((sum, value) => sum + value, 0);
  });
  // The parent's worker has the time of five children to be too early.
  bench.worker(async (job) => {
    order.push(job.name);
    return job.data.n ** 2;
  }, {}, children.name);
  assert.equal(await parent.waitUntilFinished(bench.events(), 10_000), 30);
  assert.deepEqual(order, [...Array(5).fill("square"), "sum"]);
  assert.deepEqual(await parent.getDependenciesCount(), { failed: 0, ignored: 0, processed: 5, unprocessed: 0 });
});

test("a tree of three levels, all in one queue", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const queueName = queue.name;
  const flows = bench.flows();
  const node = (name, children = []) => ({ name, queueName, data: {}, children });
  const tree = await flows.add(node("root", [node("a", [node("a1"), node("a2")]), node("b", [node("b1")]), node("c")]));
  bench.worker(async (job) => {
    const under = Object.values(await job.getChildrenValues()).sort();
    return under.length ? `${job.name}(${under})` : job.name;
  }, { concurrency: 4 });
  assert.equal(await tree.job.waitUntilFinished(bench.events(), 10_000), "root(a(a1,a2),b(b1),c)");

  const names = ({ job, children = [] }) => [job.name, children.map(names).sort()];
  const found = await flows.getFlow({ id: tree.job.id, queueName });
  assert.deepEqual(names(found), ["root", [["a", [["a1", []], ["a2", []]]], ["b", [["b1", []]]], ["c", []]]]);
});

test("many trees at once", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const events = bench.events();
  const child = (n) => ({ name: "child", queueName: queue.name, data: { n } });
  const trees = await bench.flows().addBulk(
    range(8).map((tree) => ({
      name: "parent",
      queueName: queue.name,
      data: {},
      children: range(5).map((n) => child(tree * 10 + n)),
    })),
  );
  for (const _ of range(2))
    bench.worker(async (job) => {
      if (job.name === "child") return job.data.n;
      return Object.values(await job.getChildrenValues()).sort((a, b) => a - b);
    }, { concurrency: 5 });
  const results = await Promise.all(trees.map(({ job }) => job.waitUntilFinished(events, 10_000)));
  assert.deepEqual(results, range(8).map((tree) => range(5).map((n) => tree * 10 + n)));
});

test("children that fail end their parent, or are passed over", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const events = bench.events();
  const flows = bench.flows();
  const tree = (opts) => ({
    name: "parent",
    queueName: queue.name,
    data: {},
    children: [
      { name: "good", queueName: queue.name, data: {} },
      { name: "bad", queueName: queue.name, data: {}, opts },
    ],
  });
  bench.worker(async (job) => {
    if (job.name === "bad") throw new Error("as it was meant");
    if (job.name === "good") return "good";
    return [Object.values(await job.getChildrenValues()), Object.values(await job.getIgnoredChildrenFailures())];
  });
  const failing = await flows.add(tree({ failParentOnFailure: true }));
  await assert.rejects(failing.job.waitUntilFinished(events, 10_000), /child .* failed/);
  const ignoring = await flows.add(tree({ ignoreDependencyOnFailure: true }));
  assert.deepEqual(await ignoring.job.waitUntilFinished(events, 10_000), [["good"], ["as it was meant"]]);
});

test("a job adds children while it is being done", async (t) => {
  const bench = new Bench(t);
  const queue = bench.queue();
  const children = bench.queue(`${bench.name}-children`);
  bench.worker(async (job, token) => {
    if (!job.data.added) {
      const parent = { id: job.id, queue: job.queueQualifiedName };
      for (const n of range(3)) await children.add("child", { n }, { parent });
      await job.updateData({ added: true });
      if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
    }
    return Object.values(await job.getChildrenValues()).sort();
  });
  const parent = await queue.add("parent", {});
  await until(async () => (await parent.getState()) === "waiting-children");
  bench.worker(async (job) => job.data.n, {}, children.name);
  assert.deepEqual(await parent.waitUntilFinished(bench.events(), 10_000), [0, 1, 2]);
});
