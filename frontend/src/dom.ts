/** Small tools for building and reading the page. Text is always set as text, never as HTML. */

type Child = Node | string | null;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | boolean | null> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, '');
    else if (value !== false && value !== null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

export function icon(name: string): HTMLElement {
  return el('span', { class: `icon icon-${name}`, 'aria-hidden': 'true' });
}

/** A button whose name is told apart from its neighbours for those who hear it: «Fjern vedtak.pdf». */
export function button(label: string, about: string, attributes: Record<string, string> = {}): HTMLButtonElement {
  return el(
    'button',
    { type: 'button', class: 'ds-button', 'data-variant': 'tertiary', 'data-size': 'sm', ...attributes },
    el('span', { 'data-label': true }, label),
    el('span', { class: 'ds-sr-only' }, ` ${about}`),
  );
}

export function byId<T extends HTMLElement>(id: string): T {
  const node = document.getElementById(id);
  if (!node) throw new Error(`The page has no #${id}`);
  return node as T;
}

/** Only touches the page when something differs, so that screen readers are not disturbed. */
export function setText(node: Element, content: string): void {
  if (node.textContent !== content) node.textContent = content;
}

export function setHidden(node: HTMLElement, hidden: boolean): void {
  if (node.hidden !== hidden) node.hidden = hidden;
}

/** Returns what moves the focus later, unless the person has gone elsewhere since. */
export function focusLater(): (target: HTMLElement) => void {
  const before = document.activeElement;
  return (target) => {
    const { activeElement } = document;
    if (activeElement === before || activeElement === document.body) target.focus();
  };
}

/** Says beneath a field what became of what was typed or chosen, when that is no fault; empty takes it away. */
export function showNote(field: string, words: string): void {
  const place = byId(`${field}-note`);
  setText(place, words);
  setHidden(place, words === '');
  if (words !== '') announce(words);
}

interface Sentence {
  words: string;
  topic: string | null;
}

const pending: Sentence[] = [];
let speaking = false;

function speakNext(): void {
  const region = document.getElementById('live');
  const next = pending.shift();
  if (!region || next === undefined) {
    speaking = false;
    return;
  }
  region.textContent = next.words;
  setTimeout(speakNext, 1500);
}

/**
 * Says a sentence in the polite live region; sentences wait for each other. Of those on the same topic only the newest
 * waits: twenty files that are done within a second shall not be told for half a minute.
 */
export function announce(words: string, topic: string | null = null): void {
  const waiting = pending.find((sentence) => topic !== null && sentence.topic === topic);
  if (waiting) waiting.words = words;
  else pending.push({ words, topic });
  if (speaking) return;
  speaking = true;
  const region = document.getElementById('live');
  if (region) region.textContent = '';
  setTimeout(speakNext, 100);
}
