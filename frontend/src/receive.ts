/**
 * The recipient's page renews its list of documents, without moving the focus: now and then while something in it is
 * still being checked, and after a download has begun, until its receipt is there. The page works the same without it.
 *
 * The part that renews is `<section id="documents" data-checking="true">`; when it has no `data-checking` it is done.
 */

import { announce } from './dom.ts';

const DELAYS = [5000, 5000, 10_000, 20_000, 30_000];
const GIVE_UP_AFTER = 60;
const DOWNLOADS = '#download-all, .download a';

/** Questions left for the receipts of downloads that have begun. */
let questions = 0;

async function fetchDocuments(): Promise<HTMLElement | null> {
  const response = await fetch(window.location.href, { headers: { Accept: 'text/html' }, redirect: 'error' });
  if (!response.ok) return null;
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  return page.getElementById('documents');
}

/** Puts the new list in place, with what was unfolded in the old one; tells whether it differs. */
function replace(current: HTMLElement, fresh: HTMLElement): boolean {
  const folds = [...current.querySelectorAll('details')];
  for (const [place, fold] of [...fresh.querySelectorAll('details')].entries()) fold.open = folds[place]?.open ?? false;
  if (fresh.innerHTML === current.innerHTML) return false;
  const focused = document.activeElement?.id;
  current.replaceWith(document.adoptNode(fresh));
  if (focused) document.getElementById(focused)?.focus();
  return true;
}

async function renewAfter(delay: number): Promise<HTMLElement | null> {
  await new Promise((done) => setTimeout(done, delay));
  const fresh = document.hidden ? null : await fetchDocuments().catch(() => null);
  const current = document.getElementById('documents');
  return fresh && current && replace(current, fresh) ? fresh : null;
}

async function renew(attempt: number): Promise<void> {
  const current = document.getElementById('documents');
  if (!current?.dataset['checking'] || attempt >= GIVE_UP_AFTER) return;
  const fresh = await renewAfter(DELAYS[Math.min(attempt, DELAYS.length - 1)] ?? 0);
  if (fresh) announce(fresh.dataset['announcement'] ?? '');
  await renew(attempt + 1);
}

async function awaitReceipts(): Promise<void> {
  while (questions > 0) {
    const delay = DELAYS[DELAYS.length - questions] ?? 0;
    questions -= 1;
    await renewAfter(delay);
  }
}

document.addEventListener('click', ({ target }) => {
  if (!(target instanceof Element) || !target.closest(DOWNLOADS)) return;
  const isAsking = questions > 0;
  questions = DELAYS.length;
  if (!isAsking) void awaitReceipts();
});

void renew(0);
