import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daysBetween, momentInWords, percent, size, timeLeft } from '../src/format.ts';
import { matchNumbers, personNumbersIn } from '../src/numbers.ts';
import { useTexts } from '../src/texts.ts';
import type { Recipient } from '../src/types.ts';

useTexts({
  decimal_mark: ',',
  bytes_one: '1 byte',
  bytes_other: '{n} byte',
  clock: '{hour}.{minute}',
  moment: '{weekday} {day}. {month} kl. {time}',
  moment_with_year: '{weekday} {day}. {month} {year} kl. {time}',
  sunday: 'søndag',
  thursday: 'torsdag',
  friday: 'fredag',
  month_12: 'desember',
  month_1: 'januar',
  month_2: 'februar',
  left_soon: 'noen sekunder igjen',
  left_seconds: 'ca. {n} sekunder igjen',
  left_minutes_one: 'ca. ett minutt igjen',
  left_minutes_other: 'ca. {n} minutter igjen',
  left_hours: 'ca. {hours} t {minutes} min igjen',
});

const plain = (words: string): string => words.replaceAll('\u00a0', ' ');

test('sizes are SI with a decimal comma where it tells something', () => {
  assert.equal(plain(size(0)), '0 byte');
  assert.equal(plain(size(1)), '1 byte');
  assert.equal(plain(size(999)), '999 byte');
  assert.equal(plain(size(1200)), '1,2 kB');
  assert.equal(plain(size(300_000_000)), '300 MB');
  assert.equal(plain(size(999_600_000)), '1 GB');
  assert.equal(plain(size(5_368_709_120)), '5,4 GB');
});

test('percent is 100 only when the last byte is there', () => {
  assert.equal(percent(999_999, 1_000_000), 99);
  assert.equal(percent(10, 10), 100);
  assert.equal(percent(0, 0), 0);
});

test('time left is said roughly', () => {
  assert.equal(timeLeft(3), 'noen sekunder igjen');
  assert.equal(timeLeft(31), 'ca. 40 sekunder igjen');
  assert.equal(timeLeft(62), 'ca. ett minutt igjen');
  assert.equal(timeLeft(3600 + 600), 'ca. 1 t 10 min igjen');
});

test('a moment is said with its weekday, and with the year when it is another', () => {
  assert.equal(momentInWords('2026-12-04T15:30', '2026-11-24'), 'fredag 4. desember kl. 15.30');
  assert.equal(momentInWords('2027-01-01T08:00', '2026-11-24'), 'fredag 1. januar 2027 kl. 08.00');
  assert.equal(momentInWords('2026-02-31T08:00', '2026-11-24'), null);
  assert.equal(momentInWords('', '2026-11-24'), null);
});

test('midnight is the end of the day before, also over a new year', () => {
  assert.equal(momentInWords('2026-12-05T00:00', '2026-11-24'), 'fredag 4. desember kl. 24.00');
  assert.equal(momentInWords('2027-01-01T00:00', '2026-11-24'), 'torsdag 31. desember kl. 24.00');
  assert.equal(momentInWords('2027-03-01T00:00', '2026-11-24'), 'søndag 28. februar 2027 kl. 24.00');
});

test('days are counted by date', () => {
  assert.equal(daysBetween('2026-11-24', '2026-12-04T00:00'), 9);
  assert.equal(daysBetween('2026-11-24', '2026-12-04T00:01'), 10);
});

const person = (id: string, display: string): Recipient => ({
  id,
  kind: 'person',
  display,
  name: null,
  label: '',
  confirmed: false,
});

test('numbers are found among any separators', () => {
  assert.deepEqual(personNumbersIn('21879412345;218794 54321\n312824450, 123456789012'), ['21879412345', '21879454321']);
});

test('a new row shows the number that was typed for it', () => {
  const matched = matchNumbers('21879412345 01829912345', [person('a', '018299 *****'), person('b', '218794 *****')]);
  assert.deepEqual([...matched], [['a', '01829912345'], ['b', '21879412345']]);
});

test('a row stays masked when two typed numbers could be meant', () => {
  assert.equal(matchNumbers('21879412345 21879454321', [person('a', '218794 *****')]).size, 0);
});
