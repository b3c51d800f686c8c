import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Unkept } from '../src/unkept.ts';

interface Words {
  label: string;
  confirmed: boolean;
}

test('a save says only what was changed, so that a late one undoes nothing else', () => {
  const unkept = new Unkept<Words>();
  unkept.change({ label: 'søker' });
  assert.deepEqual(unkept.words, { label: 'søker' });
  unkept.kept({ label: 'søker' });
  unkept.change({ confirmed: true });
  assert.deepEqual(unkept.words, { confirmed: true });
});

test('what has not been answered is said again with what was changed since', () => {
  const unkept = new Unkept<Words>();
  unkept.change({ label: 'søker' });
  unkept.change({ confirmed: true });
  assert.deepEqual(unkept.words, { label: 'søker', confirmed: true });
});

test('an answer to older words leaves what was changed since', () => {
  const unkept = new Unkept<Words>();
  unkept.change({ label: 'sø' });
  const sent = unkept.words;
  unkept.change({ label: 'søker', confirmed: false });
  unkept.kept(sent);
  assert.deepEqual(unkept.words, { label: 'søker', confirmed: false });
});
