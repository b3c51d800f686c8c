import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesInWords, type Month, PARTS, partsOf } from '../src/statistics-data.ts';

const month = (counts: Partial<Month>): Month => ({
  name: 'november 2026',
  short: 'nov 26',
  shares: 0,
  length: 0,
  opened: 0,
  downloaded: 0,
  unopened: 0,
  ...counts,
});
const plain = (words: string): string => words.replaceAll('\u00a0', ' ');

test('every share of a month is in one part of its bar', () => {
  const parts = partsOf(month({ shares: 10, opened: 6, downloaded: 4, unopened: 3 }));
  assert.deepEqual(parts, { downloaded: 4, opened: 2, waiting: 1, unopened: 3 });
  assert.equal(PARTS.reduce((sum, part) => sum + parts[part], 0), 10);
});

test('a month without shares has a bar of nothing', () => {
  assert.deepEqual(partsOf(month({})), { downloaded: 0, opened: 0, waiting: 0, unopened: 0 });
});

test('the scale of bytes is SI, in the words of the language', () => {
  assert.equal(plain(bytesInWords(0, 'nb')), '0 byte');
  assert.equal(plain(bytesInWords(999, 'nb')), '999 byte');
  assert.equal(plain(bytesInWords(1000, 'nb')), '1 kB');
  assert.equal(plain(bytesInWords(1_500_000_000, 'nb')), '1,5 GB');
  assert.equal(plain(bytesInWords(1_500_000_000, 'en')), '1.5 GB');
  assert.equal(plain(bytesInWords(20_000_000_000_000_000, 'nn')), '20 000 TB');
});
