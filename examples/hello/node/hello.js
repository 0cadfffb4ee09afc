// Hello in Node: node-postgres, ioredis and amqplib on what the operator binds.
//
// GET /check uses every tier once and says what happened; GET /healthz says that the process serves.
// "hello.js migrate" makes the table.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import amqplib from 'amqplib';
import { Redis } from 'ioredis';
import pg from 'pg';

const env = process.env;
const TABLE = 'CREATE TABLE IF NOT EXISTS hello (key text, number int, PRIMARY KEY (key, number))';
// A query with a name is prepared, once for each connection.
const insert = (key, number) => ({ name: 'insert', text: 'INSERT INTO hello (key, number) VALUES ($1, $2)', values: [key, number] });
const select = (key, number) => ({ name: 'select', text: 'SELECT number FROM hello WHERE key = $1 AND number = $2', values: [key, number] });
const PREPARED = "SELECT count(*)::int AS count FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO hello%'";
const ROUNDS = 8;

if (process.argv[2] === 'migrate') {
  const client = new pg.Client({ connectionString: env.DATABASE_DIRECT_URL });
  await client.connect();
  await client.query(TABLE);
  await client.end();
  process.exit();
}

const complain = (who) => (error) => console.error(`${who}: ${error.message}`);
const database = new pg.Pool({ connectionString: env.DATABASE_URL });
const reads = new pg.Pool({ connectionString: env.DATABASE_READ_URL });
const cache = new Redis(env.CACHE_URL);
const sessions = new Redis(env.SESSION_URL);
// Without a listener Node ends the process at the first connection that is lost.
for (const [who, emitter] of Object.entries({ database, reads, cache, sessions })) emitter.on('error', complain(who));
// The pool listens only to clients that rest in it.
database.on('connect', (client) => client.on('error', complain('database')));

async function write(client, key, number) {
  await client.query(insert(key, number));
  const { rows } = await client.query(select(key, number));
  if (rows[0]?.number !== number) throw new Error(`wrote ${number}, read ${JSON.stringify(rows)}`);
}

async function checkDatabase(key) {
  await Promise.all(Array.from({ length: ROUNDS }, (_, number) => write(database, key, number)));
  const client = await database.connect();
  try {
    await client.query('BEGIN');
    for (let number = ROUNDS; number < 2 * ROUNDS; number++) await write(client, key, number);
    const prepared = await client.query(PREPARED);
    await client.query('COMMIT');
    return { written: 2 * ROUNDS, prepared: prepared.rows[0].count };
  } catch (error) {
    await client.query('ROLLBACK').catch(complain('database'));
    throw error;
  } finally {
    client.release();
  }
}

async function checkReads(key) {
  const { rows } = await reads.query('SELECT count(*)::int AS count FROM hello WHERE key <> $1', [key]);
  const shown = await reads.query('SHOW transaction_read_only');
  return { rows: rows[0].count, readOnly: shown.rows[0].transaction_read_only === 'on' };
}

async function checkCache(key) {
  await cache.set(key, 'kept');
  await cache.expire(key, 60);
  return { value: await cache.get(key), expires: await cache.ttl(key) };
}

async function checkSessions(key) {
  await sessions.set(key, 'logged in', 'EX', Number(env.SESSION_TTL_SECONDS));
  return { value: await sessions.get(key), expires: await sessions.ttl(key) };
}

// One connection for the process, a new one when it was lost.
let queue;
async function connection() {
  queue ??= amqplib.connect(env.AMQP_URL).then((opened) => {
    opened.on('error', complain('queue'));
    opened.on('close', () => { queue = undefined; });
    return opened;
  }).catch((error) => { queue = undefined; throw error; });
  return queue;
}

async function checkQueue(key) {
  const channel = await (await connection()).createConfirmChannel();
  try {
    channel.on('error', complain('queue'));
    const returned = new Promise((_, reject) => channel.on('return', () => reject(new Error('no queue takes it'))));
    channel.publish('', 'hello', Buffer.from(key), { persistent: true, mandatory: true });
    await Promise.race([channel.waitForConfirms(), returned]);
    await channel.prefetch(1);
    const message = await new Promise((resolve, reject) => {
      setTimeout(reject, 10_000, new Error('the queue gave nothing back within 10 s')).unref();
      channel.consume('hello', resolve).catch(reject);
    });
    channel.ack(message);
    return { confirmed: true, received: message.content.toString() };
  } finally {
    await channel.close().catch(complain('queue'));
  }
}

const CHECKS = { database: checkDatabase, reads: checkReads, cache: checkCache, sessions: checkSessions, queue: checkQueue };

async function check() {
  const key = randomUUID();
  const said = { language: 'node', pod: hostname(), key };
  for (const [name, one] of Object.entries(CHECKS)) {
    try {
      said[name] = await one(key);
    } catch (error) {
      return [500, { ...said, failed: name, error: `${error.name}: ${error.message}` }];
    }
  }
  return [200, said];
}

const server = createServer(async (request, response) => {
  const answers = { '/check': check, '/healthz': () => [200, { ok: true }] };
  const [status, said] = await (answers[request.url] ?? (() => [404, { error: 'not here' }]))();
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said));
});
server.listen(Number(env.PORT));
process.on('SIGTERM', () => server.close(() => process.exit()));
