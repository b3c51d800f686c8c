/** For every page: the design system's pieces that need script, «copy» buttons, and links to fields with faults. */

import '@digdir/designsystemet-web/ds-error-summary';
import '@digdir/designsystemet-web/ds-tabs';
import '@digdir/designsystemet-web/dialog';
import '@digdir/designsystemet-web/invokers';
import { announce, el } from './dom.ts';

const COPIED_FOR = 4000;

// The style sheet hides what does nothing without script.
document.documentElement.dataset['script'] = 'true';

/** The old way selects on the page, so it works where the clipboard is denied and leaves the text ready for Ctrl+C. */
function copyBySelection(source: HTMLElement): boolean {
  const selection = window.getSelection();
  if (source instanceof HTMLTextAreaElement || source instanceof HTMLInputElement) source.select();
  else selection?.selectAllChildren(source);
  return document.execCommand('copy');
}

async function copy(button: HTMLElement, source: HTMLElement): Promise<void> {
  const field = source instanceof HTMLTextAreaElement || source instanceof HTMLInputElement;
  const words = field ? source.value : (source.textContent ?? '').trim();
  const copied = await navigator.clipboard.writeText(words).then(
    () => true,
    () => copyBySelection(source),
  );
  if (!copied) return;
  const said = button.dataset['copied'] ?? '';
  button.dataset['done'] = 'true';
  announce(said);
  setTimeout(() => delete button.dataset['done'], COPIED_FOR);
}

document.addEventListener('click', (event) => {
  const button = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-copy]') : null;
  const source = button && document.getElementById(button.dataset['copy'] ?? '');
  if (button && source) void copy(button, source);
});

/** A field made of several parts (a date) does not take the focus from an address in the page by itself. */
document.addEventListener('click', (event) => {
  const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>('ds-error-summary a') : null;
  const field = link && document.getElementById(link.hash.slice(1));
  if (!field) return;
  event.preventDefault();
  field.focus();
});

/** A file field of our own shape says the name of what was chosen, in the page's language. */
document.addEventListener('change', (event) => {
  const input = event.target instanceof HTMLInputElement ? event.target : null;
  const name = input?.closest('.file-choice')?.querySelector<HTMLElement>('.file-name');
  if (input && name) name.textContent = input.files?.[0]?.name ?? name.dataset['none'] ?? '';
});

/**
 * A live region is read when it changes, not when the page opens with it: what was done is put into its place once
 * more. Where something takes the focus, that is read already.
 */
const DONE = 'main [role="status"]:not([hidden], :has([autofocus]))';
setTimeout(() => {
  for (const done of document.querySelectorAll(DONE)) {
    if (!done.contains(document.activeElement)) done.append(...done.childNodes);
  }
}, 500);

/** In a narrow window the menu of an administrator is a line that scrolls. It shows the current section, and what has the focus. */
const here = document.querySelector<HTMLElement>('.side-nav [aria-current]');
const menu = here?.closest('ul');
if (here && menu) {
  menu.scrollLeft = here.offsetLeft - menu.offsetLeft - (menu.clientWidth - here.offsetWidth) / 2;
  // A link that is cut off counts as visible for the browser.
  menu.addEventListener('focusin', ({ target }) => (target as Element).scrollIntoView({ block: 'nearest', inline: 'nearest' }));
}

/** On paper nothing can be unfolded: what is folded is printed, and folded again afterwards. */
let folded: HTMLDetailsElement[] = [];
window.addEventListener('beforeprint', () => {
  folded = [...document.querySelectorAll<HTMLDetailsElement>('details:not([open])')];
  for (const details of folded) details.open = true;
});
window.addEventListener('afterprint', () => {
  for (const details of folded) details.open = false;
});

/** The second click of a double click sends nothing: its answer would be an error, and hide that the first succeeded. */
const DOUBLE_CLICK_MS = 1000;
let sent: { by: EventTarget | null; at: number } | undefined;
document.addEventListener('submit', (event) => {
  if (event.defaultPrevented) return;
  const by = event.submitter ?? event.target;
  if (sent?.by === by && event.timeStamp - sent.at < DOUBLE_CLICK_MS) event.preventDefault();
  else sent = { by, at: event.timeStamp };
});

/** A step that only passes on to another site (logging out there) goes by itself; its button is for when this fails. */
document.querySelector<HTMLFormElement>('form[data-submit-at-once]')?.submit();

/** «Undo» stands there for as long as it works. The sentence in its place takes the focus if the button had it. */
function endUndo(form: HTMLElement): void {
  const focused = form.contains(document.activeElement);
  const sentence = el('p', { tabindex: '-1' }, form.dataset['over'] ?? '');
  form.replaceWith(sentence);
  if (focused) sentence.focus();
}

const undo = document.querySelector<HTMLElement>('form[data-undo-ms]');
if (undo) setTimeout(() => endUndo(undo), Number(undo.dataset['undoMs']));
