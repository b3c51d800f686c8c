import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LARGE, piecesOf, sendInPieces, type Carrier, type PieceEvents } from '../src/pieces.ts';
import type { PartialUpload, UploadTarget } from '../src/types.ts';

const SIZE = LARGE + 1;
const EACH = LARGE / 4 + 1;
const STARTS = [0, EACH, 2 * EACH, 3 * EACH];
const LAST = SIZE - 3 * EACH;
const target = (more: Partial<UploadTarget> = {}): UploadTarget => ({ endpoint: '/uploads', token: 't', url: null, partials: [], ...more });
const partial = (start: number | null, length: number, offset = 0): PartialUpload => ({ url: `/uploads/${start}`, start, length, offset });

interface Carried {
  start: number;
  url: string | null;
  size: number;
  events: PieceEvents;
  stopped: boolean;
}

/** A carrier that does what the test says, and what the queue has heard. */
function scene(given: UploadTarget = target()): {
  carried: Carried[];
  joined: string[][];
  heard: unknown[];
  answerJoin: (error?: unknown) => Promise<void>;
  stop: () => void;
} {
  const carried: Carried[] = [];
  const joined: string[][] = [];
  const heard: unknown[] = [];
  let settle: (error?: unknown) => void = () => undefined;
  const carrier: Carrier = {
    carry(bytes, start, url, events) {
      const entry = { start, url, size: bytes.size, events, stopped: false };
      carried.push(entry);
      return { stop: () => void (entry.stopped = true) };
    },
    join(urls) {
      joined.push(urls);
      return new Promise((done, refuse) => (settle = (error) => (error === undefined ? done() : refuse(error))));
    },
    statusOf: (error) => (typeof error === 'number' ? error : null),
  };
  const pieces = piecesOf(SIZE, given);
  assert.ok(pieces);
  const transfer = sendInPieces(new File([new Uint8Array(SIZE)], 'a'), pieces, carrier, {
    located: ({ partials }) => heard.push(partials),
    progressed: (sent) => heard.push(sent),
    succeeded: () => heard.push('succeeded'),
    failed: (status) => heard.push(['failed', status]),
  });
  const answerJoin = async (error?: unknown): Promise<void> => {
    settle(error);
    await new Promise((done) => setTimeout(done, 0));
  };
  return { carried, joined, heard, answerJoin, stop: transfer.stop };
}

test('a file that is not large goes in one piece, and so does one that has begun to', () => {
  assert.equal(piecesOf(LARGE - 1, target()), null);
  assert.equal(piecesOf(LARGE, target({ url: '/uploads/1' })), null);
});

test('the pieces of a large file follow each other and are all of it', () => {
  const pieces = piecesOf(SIZE, target());
  assert.deepEqual(pieces?.map(({ start, length }) => [start, length]), [[0, EACH], [EACH, EACH], [2 * EACH, EACH], [3 * EACH, LAST]]);
});

test('pieces that the server has are gone on with, whichever of them it has', () => {
  const pieces = piecesOf(SIZE, target({ partials: [partial(3 * EACH, LAST, 7)] }));
  const missing = [null, 0];
  assert.deepEqual(pieces?.map(({ url, sent }) => [url, sent]), [missing, missing, missing, [`/uploads/${3 * EACH}`, 7]]);
});

test('a file that somebody else has divided in another way is never mixed with our pieces', () => {
  for (const foreign of [partial(null, EACH), partial(0, 5), partial(1, EACH)])
    assert.equal(piecesOf(SIZE, target({ partials: [partial(0, EACH), foreign] })), null);
});

test('every byte is carried once, and the pieces are joined in order when the last has arrived', async () => {
  const { carried, joined, heard, answerJoin } = scene();
  assert.deepEqual(carried.map(({ start, size, url }) => [start, size, url]), STARTS.map((start) => [start, start === 3 * EACH ? LAST : EACH, null]));
  for (const { start, events } of [...carried].reverse()) events.located(`/uploads/${start}`);
  for (const { events } of carried.slice(1)) events.succeeded();
  assert.deepEqual(joined, []);
  carried[0]?.events.succeeded();
  assert.deepEqual(joined, [STARTS.map((start) => `/uploads/${start}`)]);
  assert.equal(heard.includes('succeeded'), false);
  await answerJoin();
  assert.equal(heard.at(-1), 'succeeded');
});

test('what has been made is told, so that the next try goes on with it', () => {
  const { carried, heard } = scene();
  carried[1]?.events.located('/uploads/b');
  assert.deepEqual(heard.at(-1), [{ url: '/uploads/b', start: EACH, length: EACH, offset: 0 }]);
});

test('progress is that of all pieces together, with what was there before', () => {
  const { carried, heard } = scene(target({ partials: [partial(0, EACH, 100)] }));
  carried[1]?.events.progressed(11);
  carried[0]?.events.progressed(150);
  assert.deepEqual(heard, [111, 161]);
});

test('when one piece fails the others are stopped, and it is told once', () => {
  const { carried, heard } = scene();
  carried[0]?.events.failed(503);
  carried[1]?.events.failed(null);
  carried[1]?.events.progressed(5);
  carried[1]?.events.succeeded();
  assert.deepEqual(heard, [['failed', 503]]);
  assert.deepEqual(carried.map(({ stopped }) => stopped), [true, true, true, true]);
});

test('a joining that is refused is a failure', async () => {
  const { carried, heard, answerJoin } = scene();
  for (const { events } of carried) events.succeeded();
  await answerJoin(409);
  assert.deepEqual(heard, [['failed', 409]]);
});

test('nothing is heard of what was stopped', async () => {
  const { carried, heard, joined, answerJoin, stop } = scene();
  for (const { events } of carried.slice(1)) events.succeeded();
  stop();
  carried[0]?.events.succeeded();
  assert.deepEqual(joined, []);
  const late = scene();
  for (const { events } of late.carried) events.succeeded();
  late.stop();
  await late.answerJoin();
  await answerJoin();
  assert.deepEqual([heard, late.heard], [[], []]);
});
