/**
 * The recipient's page while something in it is still being checked: asks again now and then and puts the new list in
 * place, without moving the focus and without a word unless something changed. The page works the same without it.
 *
 * The part that renews is `<section id="documents" data-checking="true">`; when it has no `data-checking` it is done.
 */

import { announce } from './dom.ts';

const DELAYS = [5000, 5000, 10_000, 20_000, 30_000];
const GIVE_UP_AFTER = 60;

async function fetchDocuments(): Promise<HTMLElement | null> {
  const response = await fetch(window.location.href, { headers: { Accept: 'text/html' }, redirect: 'error' });
  if (!response.ok) return null;
  const page = new DOMParser().parseFromString(await response.text(), 'text/html');
  return page.getElementById('documents');
}

function replace(current: HTMLElement, fresh: HTMLElement): void {
  const focused = document.activeElement?.id;
  current.replaceWith(document.adoptNode(fresh));
  if (focused) document.getElementById(focused)?.focus();
}

async function renew(attempt: number): Promise<void> {
  const current = document.getElementById('documents');
  if (!current?.dataset['checking'] || attempt >= GIVE_UP_AFTER) return;
  await new Promise((done) => setTimeout(done, DELAYS[Math.min(attempt, DELAYS.length - 1)]));
  const fresh = document.hidden ? null : await fetchDocuments().catch(() => null);
  if (fresh && fresh.innerHTML !== current.innerHTML) {
    replace(current, fresh);
    announce(fresh.dataset['announcement'] ?? '');
  }
  await renew(attempt + 1);
}

void renew(0);
