#!/usr/bin/env node
// A worker in JavaScript for Node 18 and later, without packages. It takes processes of the type
// word-count, whose input is {"text": "…", "pause_seconds": 1}, and counts the words line by line,
// with the pause before each.
//
//   PROCTRACK_URL=http://127.0.0.1:8080 WORKER=node-1 ./worker.mjs
//
// TERM or INT: it hands back what it holds and ends, an idle one when its claim is answered
// (WAIT_SECONDS); a second one ends it at once.
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const url = process.env.PROCTRACK_URL ?? 'http://127.0.0.1:8080';
const worker = process.env.WORKER ?? `${hostname()}/${process.pid}`;
const lease = Number(process.env.LEASE_SECONDS ?? 60);
const wait = Number(process.env.WAIT_SECONDS ?? 10);
let stopping = false;
for (const name of ['SIGTERM', 'SIGINT']) process.once(name, () => { stopping = true; });

class BadInput extends Error {}

// The status and the answer. Sends again what got no answer, 503 (not reachable) or 507 (storage
// full): each of these calls may be repeated.
async function post(path, document, giveUp = () => false) {
  while (!giveUp()) {
    try {
      const answer = await fetch(url + path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(document),
        signal: AbortSignal.timeout((wait + 30) * 1000),
      });
      const text = await answer.text();
      if (![503, 507].includes(answer.status)) return [answer.status, JSON.parse(text || 'null')];
    } catch { /* not there, or restarting */ }
    await sleep(1000);
  }
  return [];
}

// The work itself. Null: it was told to stop.
async function countWords(input, report, isOver) {
  if (typeof input?.text !== 'string') throw new BadInput('input.text must be a string');
  const lines = input.text.split('\n');
  const steps = lines.length;
  let words = 0;
  for (let step = 1; step <= steps; step++) {
    await sleep((input.pause_seconds ?? 0) * 1000);
    if (stopping || isOver()) return null;
    words += lines[step - 1].split(/\s+/).filter(Boolean).length;
    const percent = Math.floor(100 * step / steps);
    await report('progress', { lease_seconds: lease, percent, step, steps });
  }
  return { words, lines: steps };
}

async function run({ process_id, lease_token, input }) {
  let over = false; // a cancel was requested, or somebody else holds the lease

  async function report(kind, members = {}) {
    const [status, answer] = await post(`/processes/${process_id}/${kind}`,
      { lease_token, ...members });
    if (status !== 200 || answer.cancel_requested) over = true;
  }

  // The answer comes after some seconds, or as soon as a cancel is requested.
  async function heartbeats() {
    const beat = Math.min(Math.floor(lease / 3), wait);
    for (; !over; await sleep(1000)) {
      await report('heartbeat', { lease_seconds: lease, wait_seconds: beat });
    }
  }

  heartbeats();
  try {
    const result = await countWords(input, report, () => over);
    if (result === null) await report('release');
    else await report('complete', { result });
  } catch (error) { // what is not the input's fault may go well another time
    if (error instanceof BadInput) {
      await report('fail', { code: 'bad_input', message: error.message, retryable: false });
    } else await report('fail', { message: String(error) });
  }
  over = true;
}

while (!stopping) {
  const [status, answer] = await post('/claim',
    { types: ['word-count'], worker, lease_seconds: lease, wait_seconds: wait }, () => stopping);
  if (status === 200) for (const claimed of answer.processes) await run(claimed);
  else if (status === 204) await sleep(1000);
  else if (status !== undefined) throw new Error(`${status} ${JSON.stringify(answer)}`);
}
process.exit(); // a last heartbeat may still be on its way
