/* Sessions against `parquedb serve`: node mongodb_sessions.mjs MODULES PROGRAM WAREHOUSE */
import { createRequire } from 'node:module';
import { spawn } from 'node:child_process';
import net from 'node:net';

const require = createRequire(process.argv[2] + '/node_modules/');
const { MongoClient, Long, UUID, BSON } = require('mongodb');
const [, , , program, warehouse] = process.argv;
let passed = 0, failed = 0;

function check(what, got, wanted) {
  const a = BSON.EJSON.stringify(got), b = BSON.EJSON.stringify(wanted);
  if (a === b) passed++;
  else {
    failed++;
    console.log('FAIL', what, a, 'wanted', b);
  }
}

async function start() {
  const words = ['-w', warehouse, 'serve', '--listen', '127.0.0.1:0'];
  const server = spawn(program, words, { stdio: ['ignore', 'pipe', 'ignore'] });
  const url = await new Promise((done, fail) => {
    server.on('exit', () => fail(new Error('no server')));
    server.stdout.on('data', d => {
      const match = `${d}`.match(/mongodb:\S+/);
      if (match) done(match[0]);
    });
  });
  return { server, url };
}

async function stop({ server }, signal) {
  const ended = new Promise(done => server.on('exit', done));
  server.kill(signal);
  await ended;
}

/* A connection of bare messages: what drivers would not send. */
async function connect(url) {
  const [, host, port] = url.match(/\/\/(.*):(\d+)/);
  const socket = net.connect(+port, host);
  await new Promise(done => socket.on('connect', done));
  let have = Buffer.alloc(0), answered = null;
  socket.on('error', () => {});
  socket.on('data', data => {
    have = Buffer.concat([have, data]);
    if (have.length < 4 || have.length < have.readInt32LE(0)) return;
    const { $clusterTime, operationTime, retriedStmtIds, retriedStmtId, ...rest } =
      BSON.deserialize(have.subarray(21));
    have = Buffer.alloc(0);
    answered(rest);
  });
  return {
    close: () => socket.destroy(),
    send(db, command) {
      const body = BSON.serialize({ ...command, $db: db });
      const head = Buffer.alloc(21);
      head.writeInt32LE(head.length + body.length, 0);
      head.writeInt32LE(2013, 12);
      socket.write(Buffer.concat([head, body]));
      return new Promise(done => {
        answered = done;
      });
    }
  };
}

const id = () => ({ id: new UUID().toBinary() });
const once = (number, lsid = id()) => ({ lsid, txnNumber: Long.fromNumber(number) });

/* Each command twice, and a third time after kill -9: the same answers, the same data. */
async function twice() {
  let running = await start();
  let c = await connect(running.url);
  const txn = { ...once(3), autocommit: false };
  const q = { _id: 1 };
  const commands = [
    ['Db', { insert: 'a', documents: [{ _id: 1, n: 0 }, { _id: 2, n: 0 }], ...once(1) }],
    ['Db', { update: 'a', updates: [{ q, u: { $inc: { n: 1 } } },
                                    { q: { _id: 2 }, u: { $inc: { n: 1 } } }], ...once(5) }],
    ['Db', { update: 'a', updates: [{ q: { _id: 7 }, u: { $inc: { n: 1 } }, upsert: true }],
             ...once(1) }],
    ['Db', { findAndModify: 'a', query: q, update: { $inc: { n: 10 } }, new: true,
             fields: { n: 1 }, ...once(2) }],
    ['Db', { findAndModify: 'a', query: q, update: { $inc: { n: 10 } }, ...once(2) }],
    ['Db', { findAndModify: 'a', query: { _id: 2 }, remove: true, ...once(2) }],
    ['Db', { delete: 'a', deletes: [{ q: { _id: 7 }, limit: 1 }], ...once(2) }],
    ['admin', { commitTransaction: 1, ...txn }]
  ];
  const data = async () => (await c.send('Db', { find: 'a', sort: { _id: 1 } })).cursor.firstBatch;
  const first = [];
  for (const [db, command] of commands) {
    if (command.commitTransaction)
      await c.send('Db', { insert: 'a', documents: [{ _id: 99 }], startTransaction: true, ...txn });
    first.push(await c.send(db, command));
  }
  check('all is done', first.map(a => a.ok), commands.map(() => 1));
  const before = await data();
  check('the data', before, [{ _id: 1, n: 21 }, { _id: 99 }]);
  for (const [i, [db, command]] of commands.entries())
    check(`again ${i}`, await c.send(db, command), first[i]);
  check('the data once more', await data(), before);
  c.close();
  await stop(running, 'SIGKILL');
  running = await start();
  c = await connect(running.url);
  for (const [i, [db, command]] of commands.entries())
    check(`after a kill ${i}`, await c.send(db, command), first[i]);
  check('the data after a kill', await data(), before);
  const other = await c.send('Db', { insert: 'a', documents: [{ _id: 1 }], ...once(1) });
  check('another session', other.writeErrors[0].code, 11000);
  const old = { ...once(1, commands[1][1].lsid) };
  await c.send('Db', { insert: 'b', documents: [{ _id: 1 }], ...once(6, old.lsid) });
  check('a number that is over', (await c.send('Db', { insert: 'b', documents: [{}], ...old })).code,
        225);
  const many = { update: 'a', updates: [{ q: {}, u: { $inc: { n: 1 } }, multi: true }], ...once(1) };
  check('multi', (await c.send('Db', many)).code, 72);
  check('no write', (await c.send('Db', { find: 'a', ...once(1) })).code, 50768);
  c.close();
  return running;
}

async function transactions(client) {
  const a = client.db('shop').collection('a'), b = client.db('shop').collection('b');
  await a.insertOne({ _id: 1, n: 1 });
  await client.withSession(s => s.withTransaction(async () => {
    await a.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session: s });
    await b.insertOne({ _id: 1 }, { session: s });
    check('not seen from outside', await b.countDocuments({}), 0);
    check('seen from inside', await b.countDocuments({}, { session: s }), 1);
  }));
  check('committed', [await a.findOne(), await b.findOne()], [{ _id: 1, n: 2 }, { _id: 1 }]);

  const one = client.startSession(), two = client.startSession();
  one.startTransaction();
  two.startTransaction();
  await a.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session: one });
  const conflict = await a.updateOne({ _id: 1 }, { $inc: { n: 1 } }, { session: two })
    .catch(e => e);
  check('a conflict', [conflict.code, conflict.hasErrorLabel('TransientTransactionError')],
        [112, true]);
  await one.commitTransaction();
  await two.abortTransaction();
  check('one of them', (await a.findOne()).n, 3);

  one.startTransaction();
  await b.insertOne({ _id: 2 }, { session: one });
  const second = await client.db('other').collection('x').insertOne({}, { session: one })
    .catch(e => e);
  check('a second database', second.code, 263);
  await one.abortTransaction();
  one.startTransaction();
  await b.insertOne({ _id: 3 }, { session: one });
  const duplicate = await b.insertOne({ _id: 1 }, { session: one }).catch(e => e);
  check('an error', duplicate.code, 11000);
  const gone = await b.insertOne({ _id: 4 }, { session: one }).catch(e => e);
  check('ends it', gone.code, 251);
  await one.abortTransaction();
  check('nothing of it', await b.countDocuments({}), 1);

  await b.insertMany(Array.from({ length: 300 }, (_, i) => ({ _id: 100 + i })));
  one.startTransaction();
  const cursor = b.find({}, { session: one, batchSize: 10 });
  await cursor.next();
  await b.insertOne({ _id: 5 });
  check('a cursor in it', (await cursor.toArray()).length, 300);
  await one.commitTransaction();
  await one.endSession();
  await two.endSession();
}

/* Collections and indexes made in a transaction: MongoDB's rules and codes. */
async function catalog(client) {
  const db = client.db('catalog'), s = client.startSession(), t = { session: s };
  const names = async () => (await db.listCollections().toArray()).map(c => c.name).sort();
  const code = async promise => (await promise.then(() => ({ code: 0 }), e => e)).code;
  const again = async options => {
    if (s.inTransaction()) await s.abortTransaction();
    s.startTransaction(options);
  };
  await db.collection('old').insertOne({ _id: 1 });
  await again();
  await db.createCollection('made', { validator: { n: { $type: 'int' } }, ...t });
  await db.collection('made').createIndex({ k: 1 }, { unique: true, ...t });
  await db.collection('indexed').createIndex({ k: 1 }, t);
  check('of nobody else', await names(), ['old']);
  await db.collection('made').insertOne({ _id: 1, k: 1, n: 1 }, t);
  check('seen in it', await db.collection('made').find({}, t).toArray(), [{ _id: 1, k: 1, n: 1 }]);
  await s.commitTransaction();
  check('committed', await names(), ['indexed', 'made', 'old']);
  check('its indexes', (await db.collection('made').indexes()).map(i => i.name), ['_id_', 'k_1']);
  check('unique', await code(db.collection('made').insertOne({ k: 1, n: 1 })), 11000);
  check('valid', await code(db.collection('made').insertOne({ k: 2, n: 'x' })), 121);

  await again();
  check('it exists', await code(db.createCollection('old', t)), 48);
  await again();
  check('indexes of what is there',
        await code(db.collection('old').createIndex({ k: 1 }, t)), 263);
  await again();
  check('that are there', await db.collection('made').createIndex({ k: 1 }, { unique: true, ...t }),
        'k_1');
  await again();
  await db.collection('full').insertOne({ _id: 1 }, t);
  check('indexes of what is not empty',
        await code(db.collection('full').createIndex({ k: 1 }, t)), 263);
  for (const level of ['majority', 'snapshot']) {
    await again({ readConcern: { level } });
    check(`create at ${level}`, await code(db.createCollection('x', t)), 72);
  }
  for (const refused of [{ count: 'old' }, { drop: 'old' }, { listCollections: 1 },
                         { renameCollection: 'catalog.old', to: 'catalog.new' },
                         { collMod: 'old' }, { dropIndexes: 'old', index: '*' }]) {
    await again();
    check(Object.keys(refused)[0], await code(db.command(refused, t)), 263);
  }
  await again();
  await db.createCollection('both', t);
  await db.collection('both').insertOne({ _id: 1 }); /* of another client */
  const lost = await s.commitTransaction().catch(e => e);
  check('another one was first', [lost.code, lost.hasErrorLabel('TransientTransactionError')],
        [112, true]);
  check('its document', await db.collection('both').countDocuments({}), 1);
  if (s.inTransaction()) await s.abortTransaction();
  await s.endSession();
}

/* The bulkWrite of MongoDB 8.0 in a transaction. */
async function bulk(client) {
  const s = client.startSession(), t = { session: s }, a = client.db('bulk').collection('a');
  const insert = (_id, namespace = 'bulk.a') => ({ name: 'insertOne', namespace, document: { _id } });
  const many = Array.from({ length: 300 }, (_, i) => insert(i));
  s.startTransaction();
  const done = await client.bulkWrite([...many, insert(1, 'bulk.b')],
                                      { ...t, verboseResults: true });
  check('inserted', [done.insertedCount, done.insertResults.size], [301, 301]);
  check('not seen', await a.countDocuments({}), 0);
  await s.commitTransaction();
  check('seen', await a.countDocuments({}), 300);

  s.startTransaction();
  const failed = await client.bulkWrite([insert(1000), insert(1), insert(1001)],
                                        { ...t, ordered: false }).catch(e => e);
  check('a duplicate', [...failed.writeErrors.values()].map(e => e.code), [11000]);
  const over = await a.insertOne({ _id: 1002 }, t).catch(e => e);
  check('ends it', over.code, 251);
  await s.abortTransaction();
  check('nothing', await a.countDocuments({ _id: { $gte: 1000 } }), 0);

  for (const [what, models] of [['two databases', [insert(1, 'bulk.x'), insert(1, 'bulk2.x')]],
                                ['admin', [insert(1, 'admin.x')]]]) {
    s.startTransaction();
    check(what, (await client.bulkWrite(models, t).catch(e => e.cause)).code, 263);
    await s.abortTransaction();
  }
  const two = client.startSession();
  s.startTransaction();
  two.startTransaction();
  const update = { name: 'updateOne', namespace: 'bulk.a', filter: { _id: 1 },
                   update: { $set: { n: 1 } } };
  await client.bulkWrite([update], t);
  const conflict = await client.bulkWrite([update], { session: two }).catch(e => e.cause);
  check('a conflict', [conflict.code, conflict.hasErrorLabel('TransientTransactionError')],
        [112, true]);
  await two.abortTransaction();
  await s.commitTransaction();
  await s.endSession();
  await two.endSession();
}

async function snapshots(client) {
  const a = client.db('shop').collection('snap');
  await a.insertOne({ _id: 1 });
  const s = client.startSession({ snapshot: true });
  check('now', await a.find({}, { session: s }).toArray(), [{ _id: 1 }]);
  await a.insertOne({ _id: 2 });
  check('as of then', await a.find({}, { session: s }).toArray(), [{ _id: 1 }]);
  check('distinct', await a.distinct('_id', {}, { session: s }), [1]);
  check('without', await a.countDocuments({}), 2);
  await s.endSession();
}

const running = await twice();
const client = new MongoClient(running.url);
await transactions(client);
await catalog(client);
await bulk(client);
await snapshots(client);
await client.close();
await stop(running, 'SIGTERM');
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
