import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameAs, nameOf, tidied } from '../src/file-names.ts';

test('a file of a folder is called by its path in it', () => {
  const file = new File(['x'], 'a.txt');
  assert.equal(nameOf(file), 'a.txt');
  assert.equal(nameOf(nameAs(file, 'Sak/Kart/a.txt')), 'Sak/Kart/a.txt');
});

test('a path is kept as the server keeps it', () => {
  for (const [given, kept] of [
    ['Sak/Kart/a.txt', 'Sak/Kart/a.txt'],
    [' Sak / a.txt ', 'Sak/a.txt'],
    ['bla\u030a/a.txt', 'bl\u00e5/a.txt'],
    ['../a.txt', 'a.txt'],
    ['/etc/a.txt', 'a.txt'],
    ['C:\\Sak\\a.txt', 'a.txt'],
    ['a\u0007.txt', 'a.txt'],
  ] as const)
    assert.equal(tidied(given), kept);
});
