// The same service as fastapi_app.py, on Node: fastify with its schemas compiled, ioredis. With the
// argument `bullmq` a creation adds a job to a queue of BullMQ instead.
//
//     node fastify_app.js REDIS-PORT ioredis|bullmq
//
// Serves a free port of 127.0.0.1 until it is killed. NODE_PATH says where the packages are.
'use strict';
const { randomUUID } = require('crypto');
const Redis = require('ioredis');
const { Queue } = require('bullmq');

const [port, kind] = process.argv.slice(2);
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null };
const app = require('fastify')({ logger: false });

const text = { type: 'string' }, number = { type: 'integer' };
const nullable = { type: 'string', nullable: true };
const request = {
  type: 'object', additionalProperties: false, required: ['type', 'input'],
  properties: {
    type: { type: 'string', pattern: '^[A-Za-z0-9_.-]{1,64}$' }, input: {},
    metadata: { type: 'object', additionalProperties: true },
    group: { type: 'string', minLength: 1, maxLength: 128 },
    priority: { type: 'integer', minimum: -100, maximum: 100, default: 0 },
    timeout_seconds: { type: 'integer', minimum: 1, maximum: 2592000 },
    max_attempts: { type: 'integer', minimum: 1, maximum: 1000, default: 3 },
  },
};
const answer = {
  type: 'object',
  properties: {
    process_id: text, type: text, status: text, done: { type: 'boolean' }, reason: nullable,
    progress: {}, result: {}, error: {}, metadata: {}, group: nullable, priority: number,
    attempt: number, max_attempts: number, version: number, worker: nullable, created_at: text,
    run_at: text, started_at: nullable, updated_at: text, completed_at: nullable,
    expires_at: nullable,
    links: { type: 'object', properties: { self: text, result: text, cancel: text } },
  },
};
const ended = new Set(['completed', 'failed', 'canceled']);
const parsed = (value) => (value === undefined ? null : JSON.parse(value));

function resource(id, record) {
  return {
    process_id: id, type: record.type, status: record.status, done: ended.has(record.status),
    reason: record.status === 'pending' ? 'no_worker' : null, progress: parsed(record.progress),
    result: parsed(record.result), error: parsed(record.error),
    metadata: parsed(record.metadata), group: record.group ?? null,
    priority: Number(record.priority), attempt: Number(record.attempt),
    max_attempts: Number(record.max_attempts), version: Number(record.version),
    worker: record.worker ?? null, created_at: record.created_at, run_at: record.run_at,
    started_at: record.started_at ?? null, updated_at: record.updated_at,
    completed_at: record.completed_at ?? null, expires_at: record.expires_at ?? null,
    links: { self: `/status/${id}`, result: `/result/${id}`, cancel: `/processes/${id}/cancel` },
  };
}

function recordOf(body, now) {
  const record = {
    type: body.type, status: 'pending', input: JSON.stringify(body.input),
    priority: body.priority, attempt: 0, max_attempts: body.max_attempts, version: 1,
    created_at: now, run_at: now, updated_at: now,
  };
  if (body.metadata !== undefined) record.metadata = JSON.stringify(body.metadata);
  if (body.group !== undefined) record.group = body.group;
  return record;
}

function serveOnIoredis() {
  const redis = new Redis({ ...connection, enableAutoPipelining: true });
  app.post('/analyze', { schema: { body: request, response: { 202: answer } } },
    async (call, reply) => {
      const id = randomUUID(), now = new Date();
      const record = recordOf(call.body, now.toISOString());
      await redis.multi().hset(`process:${id}`, record).sadd('process_ids', id)
        .zadd('process_times', now.getTime(), id).exec();
      reply.code(202).header('Location', `/status/${id}`).header('Retry-After', '1');
      return resource(id, record);
    });
  app.get('/status/:id', { schema: { response: { 200: answer } } }, async (call, reply) => {
    const record = await redis.hgetall(`process:${call.params.id}`);
    if (record.status === undefined) {
      reply.code(404);
      return { detail: 'no such process' };
    }
    reply.header('ETag', `"${record.version}"`);
    return resource(call.params.id, record);
  });
}

function serveOnBullmq() {
  const queue = new Queue('bench', { connection });
  app.post('/analyze', { schema: { body: request, response: { 202: answer } } },
    async (call, reply) => {
      const now = new Date();
      const job = await queue.add(call.body.type, call.body.input);
      reply.code(202).header('Location', `/status/${job.id}`).header('Retry-After', '1');
      return resource(job.id, recordOf(call.body, now.toISOString()));
    });
}

if (kind === 'bullmq') serveOnBullmq();
else serveOnIoredis();
app.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }).catch((error) => {
  console.error(error);
  process.exit(1);
});
