import assert from 'node:assert/strict';
import { test } from 'node:test';
import { remedyFor, UploadQueue, type Ports, type TransferEvents } from '../src/uploads.ts';

interface Sent {
  name: string;
  url: string | null;
  events: TransferEvents;
  stopped: boolean;
}

/** A server that registers everything and a sender that does what the test says. */
function scene(readable = true): { queue: UploadQueue; sent: Sent[]; unwanted: string[]; registered: string[] } {
  const sent: Sent[] = [];
  const unwanted: string[] = [];
  const registered: string[] = [];
  const ports: Ports = {
    register: async (file) => {
      registered.push(file.name);
      const document = { id: `id-${file.name}`, name: file.name, length: file.size, modified_at: 1, offset: 0, complete: false, infected: false, copying: false, copy_failure: '' as const };
      return { document, upload: { endpoint: '/uploads', token: 't', url: null, partials: [] } };
    },
    send: (file, target, events) => {
      const entry = { name: file.name, url: target.url, events, stopped: false };
      sent.push(entry);
      return { stop: () => void (entry.stopped = true) };
    },
    alone: (length) => length >= 10,
    readable: async () => readable,
    refusal: () => 'no',
    unwanted: (id) => void unwanted.push(id),
    changed: () => undefined,
    now: () => 0,
  };
  return { queue: new UploadQueue(ports), sent, unwanted, registered };
}

const file = (name: string, length = 3): File => new File(['x'.repeat(length)], name, { lastModified: 1 });
const settle = (): Promise<void> => new Promise((done) => setTimeout(done, 5));

test('two go at a time, the third when one is done', async () => {
  const { queue, sent } = scene();
  for (const name of ['a', 'b', 'c']) queue.add(file(name));
  await settle();
  assert.deepEqual(sent.map((entry) => entry.name), ['a', 'b']);
  sent[0]?.events.succeeded();
  assert.deepEqual(sent.map((entry) => entry.name), ['a', 'b', 'c']);
});

test('a large file goes alone, and in its turn', async () => {
  const { queue, sent } = scene();
  for (const [name, length] of [['a', 3], ['large', 10], ['c', 3], ['d', 3]] as const) queue.add(file(name, length));
  await settle();
  assert.deepEqual(sent.map((entry) => entry.name), ['a']);
  sent[0]?.events.succeeded();
  assert.deepEqual(sent.map((entry) => entry.name), ['a', 'large']);
  sent[1]?.events.succeeded();
  assert.deepEqual(sent.map((entry) => entry.name), ['a', 'large', 'c', 'd']);
});

test('the same file twice is one', async () => {
  const { queue } = scene();
  assert.equal(queue.add(file('a')), true);
  assert.equal(queue.add(file('a')), false);
  assert.equal(queue.items.length, 1);
});

test('a pause stops the transfer and resuming goes on at the same address', async () => {
  const { queue, sent } = scene();
  queue.add(file('a'));
  await settle();
  sent[0]?.events.located({ url: '/uploads/1' });
  const [item] = queue.items;
  assert.ok(item);
  queue.pause(item);
  assert.equal(sent[0]?.stopped, true);
  assert.equal(queue.running, false);
  queue.resume(item);
  assert.equal(sent[1]?.url, '/uploads/1');
});

test('a broken connection waits and is tried again at once when the network is back', async () => {
  const { queue, sent } = scene();
  queue.add(file('a'));
  await settle();
  sent[0]?.events.failed(null);
  await settle();
  assert.equal(queue.items[0]?.state, 'waiting');
  assert.equal(queue.running, true);
  queue.retryNow();
  assert.equal(queue.items[0]?.state, 'uploading');
  assert.equal(sent.length, 2);
});

test('what is paused and resumed while its failure is looked into goes on once', async () => {
  const { queue, sent } = scene();
  queue.add(file('a'));
  await settle();
  sent[0]?.events.failed(null);
  const [item] = queue.items;
  assert.ok(item);
  queue.pause(item);
  queue.resume(item);
  await settle();
  assert.equal(item.state, 'uploading');
  queue.retryNow();
  assert.equal(sent.length, 2);
});

test('what is removed while its failure is looked into is not tried again', async () => {
  const { queue, sent } = scene();
  queue.add(file('a'));
  await settle();
  sent[0]?.events.failed(null);
  const [item] = queue.items;
  assert.ok(item);
  queue.remove(item);
  await settle();
  assert.equal(item.timer, undefined);
});

test('a spent token is renewed once, then the file counts as rejected', async () => {
  const { queue, sent, registered } = scene();
  queue.add(file('a'));
  await settle();
  sent[0]?.events.failed(404);
  await settle();
  assert.deepEqual(registered, ['a', 'a']);
  sent[1]?.events.failed(404);
  await settle();
  assert.equal(queue.items[0]?.reason, 'rejected');
});

test('a file that can no longer be read is said to be so', async () => {
  const { queue, sent } = scene(false);
  queue.add(file('a'));
  await settle();
  sent[0]?.events.failed(null);
  await settle();
  assert.equal(queue.items[0]?.reason, 'unreadable');
});

test('after a reload the file chosen again takes up its old row', async () => {
  const { queue, sent } = scene();
  queue.restore([{ id: 'id-a', name: 'a', length: 3, modified_at: 1, offset: 2, complete: false, infected: false, copying: false, copy_failure: '' }]);
  assert.equal(queue.items[0]?.state, 'missing');
  queue.add(file('a'));
  await settle();
  assert.equal(queue.items.length, 1);
  assert.equal(sent.length, 1);
});

test('a document with malware counts as failed, also when the same file is chosen again', async () => {
  const { queue, sent } = scene();
  queue.restore([{ id: 'id-a', name: 'a', length: 3, modified_at: 1, offset: 3, complete: true, infected: true, copying: false, copy_failure: '' }]);
  assert.equal(queue.items[0]?.state, 'failed');
  assert.equal(queue.items[0]?.reason, 'infected');
  assert.equal(queue.items[0]?.arrived, true);
  assert.equal(queue.add(file('a')), false);
  await settle();
  assert.equal(queue.items[0]?.state, 'failed');
  assert.equal(sent.length, 0);
});

test('a document removed while it is being registered is handed back', async () => {
  const { queue, unwanted, sent } = scene();
  queue.add(file('a'));
  await Promise.resolve();
  const [item] = queue.items;
  assert.ok(item);
  queue.remove(item);
  await settle();
  assert.equal(sent.length, 0);
  assert.deepEqual(unwanted, ['id-a']);
});

test('every answer of the server has its remedy', () => {
  assert.equal(remedyFor(null), 'retry');
  assert.equal(remedyFor(503), 'retry');
  assert.equal(remedyFor(409), 'retry');
  assert.equal(remedyFor(507), 'retry-full');
  assert.equal(remedyFor(410), 'renew');
  assert.equal(remedyFor(413), 'give-up');
});

test('a draft knows its file again under the name that the server has tidied', async () => {
  const { queue, registered } = scene();
  queue.restore([{ id: 'd', name: 'vedtak.pdf', length: 3, modified_at: 1, offset: 1, complete: false, infected: false, copying: false, copy_failure: '' }]);
  queue.add(file(' vedtak.pdf '));
  await settle();
  assert.deepEqual(registered, [' vedtak.pdf ']);
  assert.equal(queue.items.length, 1);
  assert.equal(queue.add(file('\u0007vedtak.pdf')), false);
});

test('a name that would turn the direction of reading is shown for what it is', () => {
  const { queue } = scene();
  queue.add(file('inv\u202excod.exe'));
  assert.equal(queue.items[0]?.shown, 'inv\u25a1xcod.exe');
});

test('a name keeps the invisible characters that writing needs', () => {
  const { queue } = scene();
  queue.add(file('می\u200cخواهم \u{1f468}\u200d\u{1f469} sam\u00adarbeid\u200b.pdf'));
  assert.equal(queue.items[0]?.shown, 'می\u200cخواهم \u{1f468}\u200d\u{1f469} sam\u00adarbeid\u25a1.pdf');
});

test('a draft knows a file with a backslash in its name, and one of a Windows path, as the server does', () => {
  for (const [name, sent] of [['a\\b.pdf', 'a\\b.pdf'], ['b.pdf', 'C:\\a\\b.pdf']] as const) {
    const { queue } = scene();
    queue.restore([{ id: 'd', name, length: 3, modified_at: 1, offset: 1, complete: false, infected: false, copying: false, copy_failure: '' }]);
    queue.add(file(sent));
    assert.equal(queue.items.length, 1);
  }
});

test('a copy is followed until it is there, and is no upload that the page has to wait for', () => {
  const { queue } = scene();
  const stored = { id: 'd', name: 'a', length: 4, modified_at: 1, offset: 0, complete: false, infected: false, copying: true, copy_failure: '' } as const;
  queue.restore([stored, { ...stored, id: 'e' }, { ...stored, id: 'f' }]);
  assert.deepEqual([queue.running, queue.copying], [false, true]);
  queue.follow([{ ...stored, offset: 3 }, { ...stored, id: 'e', copying: false, copy_failure: 'gone' }]);
  const seen = queue.items.map(({ state, sent, reason, notCopied }) => [state, sent, reason, notCopied]);
  assert.deepEqual(seen, [['copying', 3, null, false], ['failed', 0, 'copy_gone', true], ['failed', 0, 'copy_gone', true]]);
  queue.follow([{ ...stored, offset: 4, complete: true, copying: false }]);
  assert.deepEqual([queue.items[0]?.state, queue.items[0]?.copied, queue.copying], ['complete', true, false]);
});

test('a file of the name of a copy that has failed is a document of its own', async () => {
  const { queue, registered } = scene();
  queue.restore([{ id: 'd', name: 'a', length: 3, modified_at: 1, offset: 0, complete: false, infected: false, copying: false, copy_failure: 'gone' }]);
  assert.ok(queue.add(file('a')));
  await settle();
  assert.deepEqual([registered, queue.items.length], [['a'], 2]);
});
