/**
 * The recipients: a field that takes a pasted list, and a row for each accepted one. What was refused stays in the
 * field with its reason. Whole person numbers live in this page's memory only, until it is left.
 */

import { announce, button, byId, el, focusLater, icon, setHidden, setText, showNote } from './dom.ts';
import { setFieldError } from './errors.ts';
import { grouped, matchNumbers } from './numbers.ts';
import { Saver, type SaveState } from './saver.ts';
import { counted, text } from './texts.ts';
import type { FieldError, Recipient, Remarks } from './types.ts';
import { Unkept } from './unkept.ts';

export interface Refusal {
  text: string;
  message: string;
}

/** What the server says of a pasted list. */
export interface Added {
  recipients: Recipient[];
  refused: Refusal[];
  remarks: Remarks;
}

/** What the person says of a recipient. */
export type Words = Pick<Recipient, 'label' | 'confirmed'>;

export interface RecipientsPorts {
  add(pasted: string): Promise<Added>;
  addRecent(id: string): Promise<Added>;
  update(id: string, words: Partial<Words>): Promise<void>;
  remove(id: string): void;
  changed(): void;
  /** What is said of a recipient waits to be handed in, or has been. */
  handedIn(): void;
  failed(error: unknown): void;
  /** Tells why words were not kept; `label` is the id of the label's field. */
  notKept(error: unknown, label: string): FieldError[];
}

/** Nobody has said whose number it is: it is a person's, or Enhetsregisteret did not answer. */
function asksForConfirmation(recipient: Recipient): boolean {
  return recipient.kind === 'person' || recipient.name === null;
}

export class RecipientsView {
  recipients: Recipient[] = [];
  readonly #ports: RecipientsPorts;
  readonly #field = byId<HTMLTextAreaElement>('recipients');
  readonly #count = byId('recipient-count');
  readonly #list = byId<HTMLUListElement>('recipient-list');
  readonly #refusals = byId<HTMLUListElement>('recipients-refused');
  readonly #check = byId<HTMLButtonElement>('check-numbers');
  readonly #whole = new Map<string, string>();
  readonly #savers = new Map<string, Saver>();
  readonly #unkept = new Map<string, Unkept<Words>>();
  readonly #removed = new Set<string>();
  #adding: Promise<void> | null = null;
  #remarks: Remarks = {};
  #lastRefused = '';
  /** Whether the person steps through the numbers that are not confirmed. */
  #stepping = false;

  constructor(ports: RecipientsPorts) {
    this.#ports = ports;
    this.#check.addEventListener('click', () => {
      this.#stepping = true;
      this.#step();
    });
    byId('recipients-add').addEventListener('click', () => void this.addTyped(true));
    this.#field.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      void this.addTyped(true);
    });
    for (const chip of document.querySelectorAll<HTMLButtonElement>('[data-recent]')) {
      chip.addEventListener('click', () => void this.#addRecent(chip));
    }
    this.#field.addEventListener('paste', () => setTimeout(() => void this.addTyped(false)));
    this.#field.addEventListener('change', () => void this.addTyped(false));
  }

  get typed(): string {
    return this.#field.value.trim();
  }

  /** Whether something in the field was refused, and has not been corrected or removed since. */
  get isRefused(): boolean {
    return this.typed !== '' && this.typed === this.#lastRefused;
  }

  get unconfirmed(): Recipient[] {
    return this.recipients.filter((recipient) => asksForConfirmation(recipient) && !recipient.confirmed);
  }

  /** The number as its row shows it. */
  shownNumber(recipient: Recipient): string {
    const number = this.#whole.get(recipient.id);
    return number === undefined ? recipient.display : grouped(number);
  }

  confirmId(recipient: Recipient): string {
    return `recipient-${recipient.id}-confirmed`;
  }

  /** Why the server has not kept what is said of the recipients; empty when it has. */
  get faults(): FieldError[] {
    return [...this.#savers.values()].flatMap((saver) => saver.faults);
  }

  /** How far what is said of each recipient is. */
  get states(): SaveState[] {
    return [...this.#savers.values()].map((saver) => saver.state);
  }

  /** Resolves when all that is said of the recipients has been handed in. */
  async flush(): Promise<void> {
    await Promise.all([...this.#savers.values()].map((saver) => saver.flush()));
  }

  /** The page is being left. */
  leave(): void {
    for (const saver of this.#savers.values()) saver.leave();
  }

  restore(recipients: Recipient[], remarks: Remarks): void {
    this.recipients = recipients;
    this.#remarks = remarks;
    for (const { id, number } of recipients) if (number) this.#whole.set(id, number);
    this.#list.replaceChildren(...recipients.map((recipient) => this.#row(recipient)));
    this.#paintCount();
    this.#offerCheck();
  }

  /** The list, with how many are in it. */
  #paintCount(): void {
    const count = this.recipients.length;
    setText(this.#count, counted('recipients', count));
    setHidden(this.#count, count === 0);
    setHidden(this.#list, count === 0);
  }

  /** One unconfirmed number needs no help; more are offered one after the other. */
  #offerCheck(): void {
    const waiting = this.unconfirmed.length;
    this.#check.textContent = counted('check_numbers', waiting);
    setHidden(this.#check, waiting < 2 && !this.#stepping);
  }

  /** Goes to the next number to confirm; the row is scrolled to, and its box has the focus. */
  #step(): void {
    const next = this.unconfirmed[0];
    if (next) byId(this.confirmId(next)).focus();
    else {
      this.#stepping = false;
      announce(text('said_all_checked'));
    }
    this.#offerCheck();
  }

  /** Hands in what stands in the field. `asked`: the person pressed for it, and stays there unless they have gone on. */
  async addTyped(asked: boolean): Promise<void> {
    const focus = focusLater();
    while (this.#adding) await this.#adding;
    if (this.typed === '' || (!asked && this.typed === this.#lastRefused)) return;
    this.#adding = this.#add(this.typed).catch((error: unknown) => this.#ports.failed(error));
    await this.#adding;
    this.#adding = null;
    if (asked) focus(this.#field);
  }

  /** Shows the chips of the account that is chosen: recipients of other accounts are not mixed in. */
  showRecent(accountId: string): void {
    for (const chips of document.querySelectorAll<HTMLElement>('.recent')) {
      setHidden(chips, chips.dataset['account'] !== accountId || chips.querySelector('button') === null);
    }
  }

  /** Adds a recently used recipient. Its chip goes, and the focus moves to the next one, or to the field. */
  async #addRecent(chip: HTMLButtonElement): Promise<void> {
    const focus = focusLater();
    while (this.#adding) await this.#adding;
    if (!chip.isConnected) return;
    const chips = chip.parentElement;
    const id = chip.dataset['recent'] ?? '';
    const added = this.#ports.addRecent(id).then((answer) => {
      this.#show(id, answer);
      const next = chip.nextElementSibling ?? chip.previousElementSibling;
      chip.remove();
      if (chips) setHidden(chips, chips.querySelector('button') === null);
      focus(next instanceof HTMLButtonElement ? next : this.#field);
    });
    this.#adding = added.catch((error: unknown) => this.#ports.failed(error));
    await this.#adding;
    this.#adding = null;
  }

  async #add(pasted: string): Promise<void> {
    this.#show(pasted, await this.#ports.add(pasted));
  }

  #show(pasted: string, answer: Added): void {
    const { refused } = answer;
    this.#remarks = answer.remarks;
    // The answer may be from before a row was removed.
    const recipients = answer.recipients.filter((recipient) => !this.#removed.has(recipient.id));
    const known = new Map(this.recipients.map((recipient) => [recipient.id, recipient]));
    const added = recipients.filter((recipient) => !known.has(recipient.id));
    for (const [id, number] of matchNumbers(pasted, added)) this.#whole.set(id, number);
    for (const { id, number } of added) if (number) this.#whole.set(id, number);
    for (const recipient of added) this.#list.append(this.#row(recipient));
    this.recipients = recipients.map((recipient) => known.get(recipient.id) ?? recipient);
    this.#paintCount();
    this.#showRefused(pasted, refused);
    showNote('recipients', added.length === 0 && refused.length === 0 ? text('recipient_known') : '');
    if (added.length > 0) announce(counted('said_recipients_added', added.length));
    this.#offerCheck();
    this.#ports.changed();
  }

  #showRefused(pasted: string, refused: Refusal[]): void {
    const typedSince = this.#field.value.trim() !== pasted;
    if (!typedSince) this.#field.value = refused.map((refusal) => refusal.text).join('\n');
    this.#lastRefused = this.typed;
    this.#refusals.replaceChildren(
      ...refused.map(({ text: what, message }) => el('li', {}, el('strong', {}, what), ` – ${message}`)),
    );
    setHidden(this.#refusals, refused.length === 0);
    setFieldError('recipients', refused.length > 0 ? counted('recipients_refused', refused.length) : null);
    if (refused.length > 0) announce(refused.map((refusal) => `${refusal.text}: ${refusal.message}`).join(' '));
  }

  #row(recipient: Recipient): HTMLLIElement {
    this.#savers.set(recipient.id, new Saver(() => this.#save(recipient.id), () => this.#ports.handedIn()));
    this.#unkept.set(recipient.id, new Unkept());
    const person = recipient.kind === 'person';
    const shown = this.shownNumber(recipient);
    const heading = person
      ? [el('p', { class: 'row-name number' }, shown), el('p', { class: 'row-facts' }, text('kind_person'))]
      : [
          el('p', { class: 'row-name' }, recipient.name ?? shown),
          el('p', { class: 'row-facts number' }, `${text('kind_organization')} ${recipient.display}`),
        ];
    const remove = button(text('remove'), recipient.name ?? recipient.display);
    const row = el(
      'li',
      { class: 'row recipient' },
      el('span', { class: 'row-icon' }, icon(person ? 'person' : 'building')),
      el(
        'div',
        { class: 'row-body' },
        ...heading,
        ...(this.#remarks[recipient.id] ?? []).map((remark) => this.#remark(remark)),
        asksForConfirmation(recipient) ? this.#confirmation(recipient) : null,
        this.#label(recipient),
      ),
      el('div', { class: 'row-actions' }, remove),
    );
    remove.addEventListener('click', () => this.#remove(recipient, row));
    return row;
  }

  #remark(remark: string): HTMLElement {
    return el('p', { class: 'state' }, icon(remark === 'first' ? 'info' : 'warning'), el('span', {}, text(`remark_${remark}`)));
  }

  #confirmation(recipient: Recipient): HTMLElement {
    const id = this.confirmId(recipient);
    const box = el('input', { class: 'ds-input', type: 'checkbox', id, 'aria-describedby': `${id}-error` });
    box.checked = recipient.confirmed;
    box.addEventListener('change', () => {
      setFieldError(id, null);
      this.#change(recipient.id, { confirmed: box.checked });
      void this.#savers.get(recipient.id)?.flush();
      if (this.#stepping && box.checked) this.#step();
      else this.#offerCheck();
    });
    const words = recipient.kind === 'person' ? 'confirm_number' : 'confirm_unanswered';
    const about = el('span', { class: 'ds-sr-only' }, ` ${recipient.display}`);
    const label = el('label', { class: 'ds-label', for: id }, text(words), about);
    const fault = el('p', { class: 'ds-validation-message', id: `${id}-error`, hidden: true });
    return el('div', { class: 'ds-field' }, box, label, fault);
  }

  #label(recipient: Recipient): HTMLElement {
    const id = this.#labelId(recipient.id);
    const described = { 'aria-describedby': `${id}-error`, 'data-size': 'sm' };
    const input = el('input', { class: 'ds-input', id, maxlength: '100', autocomplete: 'off', ...described });
    input.value = recipient.label;
    input.addEventListener('input', () => this.#change(recipient.id, { label: input.value }));
    input.addEventListener('change', () => void this.#savers.get(recipient.id)?.flush());
    const about = el('span', { class: 'ds-sr-only' }, ` ${recipient.name ?? recipient.display}`);
    return el(
      'div',
      { class: 'ds-field label-field' },
      el('label', { class: 'ds-label', for: id, 'data-weight': 'regular' }, text('label'), about),
      input,
      el('p', { class: 'ds-validation-message', id: `${id}-error`, hidden: true }),
    );
  }

  #labelId(id: string): string {
    return `recipient-${id}-label`;
  }

  async #save(id: string): Promise<FieldError[]> {
    const unkept = this.#unkept.get(id);
    if (!unkept) return [];
    const words = unkept.words;
    try {
      await this.#ports.update(id, words);
      unkept.kept(words);
      setFieldError(this.#labelId(id), null);
      return [];
    } catch (error) {
      // Removed meanwhile: the server knows it no more than the page does.
      return this.#removed.has(id) ? [] : this.#ports.notKept(error, this.#labelId(id));
    }
  }

  #change(id: string, change: Partial<Words>): void {
    this.#unkept.get(id)?.change(change);
    this.#savers.get(id)?.touch();
    this.recipients = this.recipients.map((other) => (other.id === id ? { ...other, ...change } : other));
    this.#ports.changed();
  }

  #remove(recipient: Recipient, row: HTMLLIElement): void {
    const neighbour = row.nextElementSibling ?? row.previousElementSibling;
    const place = neighbour?.querySelector<HTMLButtonElement>('.row-actions button') ?? this.#field;
    row.remove();
    this.recipients = this.recipients.filter((other) => other.id !== recipient.id);
    this.#whole.delete(recipient.id);
    this.#savers.delete(recipient.id);
    this.#unkept.delete(recipient.id);
    this.#removed.add(recipient.id);
    this.#paintCount();
    this.#offerCheck();
    place.focus();
    announce(text('said_removed', { name: recipient.name ?? recipient.display }));
    this.#ports.changed();
    this.#ports.remove(recipient.id);
  }
}
