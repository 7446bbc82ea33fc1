// BullMQ as a yardstick: adds jobs, then runs them with one worker that does nothing else.
//
//     node bullmq_worker.js REDIS-PORT CONCURRENCY SECONDS JOBS BYTES
//
// Prints the line "ready" when all jobs are added and, after SECONDS or when all jobs are done, one
// line of JSON. NODE_PATH says where bullmq and ioredis are.
'use strict';
const { Queue, Worker } = require('bullmq');

const [port, concurrency, seconds, jobs, bytes] = process.argv.slice(2).map(Number);
const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };

async function addJobs() {
  const queue = new Queue('bench', { connection });
  const data = { input: 'x'.repeat(bytes - 2) };
  for (let added = 0; added < jobs; added += 1000) {
    const count = Math.min(1000, jobs - added);
    await queue.addBulk(Array.from({ length: count }, () => ({ name: 'bench', data })));
  }
  await queue.close();
}

async function main() {
  await addJobs();
  console.log('ready');
  const given = new Map();
  const run = async (job) => {
    given.set(job.id, process.hrtime.bigint());
    return { ok: true };
  };
  const worker = new Worker('bench', run, { connection, concurrency, autorun: false });
  await worker.waitUntilReady();
  const latencies = [];
  let cpu = null, begin = null, last = null;
  await new Promise((resolve, reject) => {
    worker.on('completed', (job) => {
      last = process.hrtime.bigint();
      if (begin === null) { // from here on it counts
        begin = last;
        cpu = process.cpuUsage();
        setTimeout(resolve, seconds * 1000);
      } else {
        latencies.push(Number((last - given.get(job.id)) / 1000n));
      }
      given.delete(job.id);
      if (latencies.length + 1 >= jobs) resolve();
    });
    worker.on('error', reject);
    worker.run();
  });
  const done = latencies.length, used = process.cpuUsage(cpu);
  const microseconds = Number((last - begin) / 1000n);
  latencies.sort((a, b) => a - b);
  console.log(JSON.stringify({
    done, microseconds, cpu_microseconds: used.user + used.system,
    p50_us: latencies[done >> 1], p99_us: latencies[done - 1 - Math.floor(done / 100)],
  }));
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
