// What all tests of BullMQ share: a queue of its own for each, on the server at REDIS_URL, with what belongs to it.

import { setTimeout as sleep } from "node:timers/promises";
import { FlowProducer, Queue, QueueEvents, Worker } from "bullmq";
import { Redis } from "ioredis";

const { hostname, port } = new URL(process.env.REDIS_URL);
// BullMQ asks for no limit of retries where connections wait.
const connection = { host: hostname, port: Number(port), maxRetriesPerRequest: null };

// Connections that a failed test has left open must not keep the process, and CI with it.
setTimeout(() => {
  console.error("the tests of this file take too long");
  process.exit(1);
}, 120_000).unref();

let benches = 0;

/** Queues, workers and the like, which are closed when the test ends. */
export class Bench {
  #opened = [];

  constructor(t) {
    this.name = `q${process.pid}-${++benches}`;
    t.after(async () => {
      // The last opened first: workers end before their queue does.
      for (const close of this.#opened.reverse()) await close();
    });
  }

  #keep(opened, close) {
    opened.on?.("error", (error) => console.error("unexpected:", error));
    this.#opened.push(close);
    return opened;
  }

  queue(name = this.name, options = {}) {
    const queue = new Queue(name, { connection, ...options });
    return this.#keep(queue, () => queue.close());
  }

  worker(work, options = {}, name = this.name) {
    const worker = new Worker(name, work, { connection, ...options });
    // By force: a failed test may have left a job that never ends.
    return this.#keep(worker, () => worker.close(true));
  }

  /** From the queue's beginning, so that nothing is missed before the listener is there. */
  events(name = this.name) {
    const events = new QueueEvents(name, { connection, lastEventId: "0" });
    return this.#keep(events, () => events.close());
  }

  flows() {
    const flows = new FlowProducer({ connection });
    return this.#keep(flows, () => flows.close());
  }

  redis() {
    const redis = new Redis(connection);
    return this.#keep(redis, () => redis.disconnect());
  }
}

/** Waits for something to come true; ten seconds are long enough for any machine. */
export async function until(condition, what = condition) {
  const end = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`never came true: ${what}`);
    await sleep(10);
  }
}

export function range(count) {
  return Array.from({ length: count }, (_, n) => n);
}

export { sleep };
