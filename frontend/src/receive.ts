/**
 * The recipient's page renews its list of documents, without moving the focus: now and then while something in it is
 * still being checked, and after a download has begun, until its receipt is there. Then the question whether the files
 * have been received is on top of the page, and is announced. The page works the same without this script.
 *
 * The parts that renew are `<div id="receipt-question">` and `<section id="documents" data-checking="true">`. When the
 * section has no `data-checking`, it is done.
 */

import { announce } from './dom.ts';

const DELAYS = [5000, 5000, 10_000, 20_000, 30_000];
const GIVE_UP_AFTER = 60;
const DOWNLOADS = '#download-all, .download a';

/** Questions left for the receipts of downloads that have begun. */
let questions = 0;

async function fetchPage(): Promise<Document | null> {
  const response = await fetch(window.location.href, { headers: { Accept: 'text/html' }, redirect: 'error' });
  return response.ok ? new DOMParser().parseFromString(await response.text(), 'text/html') : null;
}

/** Puts the new part in place, with what was unfolded in the old one; tells whether it differs. */
function replace(current: HTMLElement, fresh: HTMLElement): boolean {
  const folds = [...current.querySelectorAll('details')];
  for (const [place, fold] of [...fresh.querySelectorAll('details')].entries()) fold.open = folds[place]?.open ?? false;
  if (fresh.innerHTML === current.innerHTML) return false;
  const focused = document.activeElement?.id;
  current.replaceWith(document.adoptNode(fresh));
  if (focused) document.getElementById(focused)?.focus();
  return true;
}

/** Renews a part of the page; returns the new one if it differs. */
function renewPart(id: string, page: Document): HTMLElement | null {
  const [current, fresh] = [document.getElementById(id), page.getElementById(id)];
  return current && fresh && replace(current, fresh) ? fresh : null;
}

/** Renews the page when it is looked at; returns the new list of documents if it differs. */
async function renewAfter(delay: number): Promise<HTMLElement | null> {
  await new Promise((done) => setTimeout(done, delay));
  if (document.hidden) await new Promise((seen) => document.addEventListener('visibilitychange', seen, { once: true }));
  const page = await fetchPage().catch(() => null);
  if (!page) return null;
  const wasAsked = document.querySelector('#receipt-question form') !== null;
  const question = renewPart('receipt-question', page)?.dataset['announcement'];
  if (question && !wasAsked) announce(question);
  return renewPart('documents', page);
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
