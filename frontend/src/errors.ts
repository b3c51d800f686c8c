/** Faults beside their fields and in a summary with links. Knows the page's field ids, not what the faults mean. */

import { byId, el } from './dom.ts';
import { text } from './texts.ts';
import type { FieldError } from './types.ts';

/** The server's field names -> ids in the page, where they differ. */
const FIELD_IDS: Record<string, string> = {
  account_id: 'account',
  documents: 'files',
  expires_at: 'expires-date',
  confidential: 'confidential-yes',
};

const titleWithoutFault = document.title;

export function fieldId(field: string): string {
  return FIELD_IDS[field] ?? field;
}

export function setFieldError(field: string, message: string | null): void {
  const id = fieldId(field);
  if (message === null) leaveOut(id);
  const input = document.getElementById(id);
  const place = document.getElementById(`${id}-error`);
  if (!input || !place) return;
  place.textContent = message ?? '';
  place.hidden = message === null;
  if (message === null) input.removeAttribute('aria-invalid');
  else input.setAttribute('aria-invalid', 'true');
}

/** Removes the faults of all fields but those in `keep`. */
export function clearFieldErrors(fields: Iterable<string> = Object.keys(FIELD_IDS)): void {
  for (const field of fields) setFieldError(field, null);
}

export function clearSummary(): void {
  byId('error-slot').replaceChildren();
  document.title = titleWithoutFault;
}

function summaryLink({ field, message }: FieldError): HTMLLIElement {
  const id = fieldId(field);
  const link = document.getElementById(id) ? el('a', { class: 'ds-link', href: `#${id}` }, message) : message;
  return el('li', { 'data-field': id }, link);
}

/** What has been put right leaves the summary, and the last fault takes it along. */
function leaveOut(id: string): void {
  const listed = [...byId('error-slot').querySelectorAll<HTMLElement>('[data-field]')];
  const right = listed.filter((entry) => entry.dataset['field'] === id);
  for (const entry of right) entry.remove();
  if (right.length > 0 && right.length === listed.length) clearSummary();
}

/** In the order of the page; what is about no field comes last. */
function inPageOrder(errors: FieldError[]): FieldError[] {
  const places = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  const place = ({ field }: FieldError): number => (places.indexOf(fieldId(field)) + places.length) % places.length;
  return errors.toSorted((one, other) => place(one) - place(other));
}

/** Tells what must be put right and moves the focus there. */
export function showErrors(found: FieldError[]): void {
  const errors = inPageOrder(found);
  clearFieldErrors();
  for (const { field, message } of errors) setFieldError(field, message);
  const summary = el(
    'ds-error-summary' as 'div',
    { class: 'ds-error-summary' },
    el('h2', { class: 'ds-heading', id: 'error-summary-heading' }, text('errors_heading')),
    el('ul', { class: 'ds-list' }, ...errors.map(summaryLink)),
  );
  byId('error-slot').replaceChildren(summary);
  document.title = `${text('error_title')} ${titleWithoutFault}`;
  summary.scrollIntoView({ block: 'center' });
  summary.focus();
}
