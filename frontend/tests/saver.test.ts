import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Saver, type SaveState } from '../src/saver.ts';
import type { FieldError } from '../src/types.ts';

/** A server that answers when the test says so. */
function scene(): { saver: Saver; answers: ((faults: FieldError[]) => void)[]; states: SaveState[] } {
  const answers: ((faults: FieldError[]) => void)[] = [];
  const states: SaveState[] = [];
  const saver = new Saver(
    () => new Promise((done) => answers.push(done)),
    () => states.push(saver.state),
  );
  return { saver, answers, states };
}

const settle = (): Promise<void> => new Promise((done) => setTimeout(done, 5));

test('whoever flushes goes on only when everything typed so far has been handed in', async () => {
  const { saver, answers } = scene();
  saver.touch();
  void saver.flush();
  saver.touch();
  void saver.flush();
  let gone = false;
  void saver.flush().then(() => (gone = true));
  answers[0]?.([]);
  await settle();
  assert.equal(answers.length, 2);
  assert.equal(gone, false);
  answers[1]?.([]);
  await settle();
  assert.equal(answers.length, 2);
  assert.equal(gone, true);
});

test('what is typed while a save is under way is handed in when the page is left', async () => {
  const { saver, answers } = scene();
  saver.touch();
  void saver.flush();
  saver.touch();
  saver.leave();
  assert.equal(answers.length, 2);
});

test('leaving a page whose words are kept saves nothing', async () => {
  const { saver, answers } = scene();
  saver.touch();
  const kept = saver.flush();
  answers[0]?.([]);
  await kept;
  saver.leave();
  assert.equal(answers.length, 1);
});

test('what was refused is handed in once more, until it is kept', async () => {
  const { saver, answers } = scene();
  const fault = { field: 'title', message: 'no' };
  saver.touch();
  const refused = saver.flush();
  answers[0]?.([fault]);
  await refused;
  assert.deepEqual(saver.faults, [fault]);
  const kept = saver.flush();
  answers[1]?.([]);
  await kept;
  assert.deepEqual(saver.faults, []);
  await saver.flush();
  assert.equal(answers.length, 2);
});

test('nothing is called saved before the server has kept all of it', async () => {
  const { saver, answers, states } = scene();
  saver.touch();
  const first = saver.flush();
  saver.touch();
  answers[0]?.([]);
  await settle();
  assert.deepEqual(states, ['saving', 'saving', 'saving']);
  answers[1]?.([{ field: 'title', message: 'no' }]);
  await first;
  assert.equal(states.at(-1), 'refused');
  const again = saver.flush();
  assert.equal(states.at(-1), 'saving');
  answers[2]?.([]);
  await again;
  assert.equal(states.at(-1), 'saved');
});

test('what could not be handed in is not called saved, and is handed in once more', async () => {
  let answer: () => Promise<FieldError[]> = () => Promise.reject(new Error('a fault of the page'));
  const saver: Saver = new Saver(() => answer(), () => undefined);
  saver.touch();
  await assert.rejects(saver.flush());
  assert.equal(saver.state, 'saving');
  answer = () => Promise.resolve([]);
  await saver.flush();
  assert.equal(saver.state, 'saved');
});
