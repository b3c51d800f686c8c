import assert from 'node:assert/strict';
import { test } from 'node:test';
import { takenFrom } from '../src/proposals.ts';
import type { ShareAccount } from '../src/types.ts';

const account: ShareAccount = {
  id: 'byggesak',
  name: 'Byggesak',
  body: '',
  archive_question: true,
  confidential: false,
  four_eyes: false,
  notify: true,
  default_expires_at: '2026-12-01T15:30',
  earliest: '2026-11-24T13:00',
  latest: '2026-12-08T12:00',
};

test('where nothing has been chosen, the account proposes', () => {
  const taken = takenFrom(account, { end: false, confidential: false, notify: false });
  assert.deepEqual([taken.end, taken.confidential, taken.notify], ['2026-12-01T15:30', false, true]);
});

test('what the person has chosen stays when the account changes', () => {
  assert.equal(takenFrom(account, { end: true, confidential: false, notify: false }).end, null);
  assert.equal(takenFrom(account, { end: true, confidential: false, notify: false }).confidential, false);
  assert.equal(takenFrom(account, { end: false, confidential: true, notify: false }).confidential, null);
  assert.equal(takenFrom(account, { end: false, confidential: true, notify: false }).end, '2026-12-01T15:30');
  assert.equal(takenFrom(account, { end: false, confidential: false, notify: true }).notify, null);
});

test('the limits are those of the account, whatever has been chosen', () => {
  for (const end of [true, false]) {
    const taken = takenFrom(account, { end, confidential: end });
    assert.deepEqual([taken.first, taken.last], ['2026-11-24', '2026-12-08']);
  }
});
