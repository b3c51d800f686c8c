/** The draft's own fields: reading them, filling them, and the end in words beneath its two inputs. */

import { byId, setHidden, setText } from './dom.ts';
import * as format from './format.ts';
import { takenFrom, type Chosen } from './proposals.ts';
import { counted, text } from './texts.ts';
import { TEXTS, type Draft, type ShareAccount, type ShareSettings, type Texts } from './types.ts';

export type Facts = Omit<Draft, 'id' | 'recipients' | 'documents' | 'proposed'>;

export class Fields {
  readonly #form = byId<HTMLFormElement>('share-form');
  readonly #settings: ShareSettings;
  /** What the person has chosen stays when the account changes; what was proposed follows the account. */
  readonly #chosen: Chosen = { end: false, confidential: false, notify: false };

  constructor(settings: ShareSettings, touched: () => void, left: () => void) {
    this.#settings = settings;
    this.#form.addEventListener('submit', (event) => event.preventDefault());
    this.#form.addEventListener('input', (event) => {
      if (!this.#owns(event.target)) return;
      this.#note(event.target);
      this.#paintEnd();
      touched();
    });
    this.#form.addEventListener('change', (event) => {
      if (this.#owns(event.target)) left();
    });
    this.#followAccount();
    this.#paintEnd();
  }

  /** Fields with a name are the draft's; files, recipients and their rows look after themselves. */
  #owns(target: EventTarget | null): target is HTMLElement {
    return target instanceof HTMLElement && target.hasAttribute('name');
  }

  #note({ id }: HTMLElement): void {
    if (id === 'account') this.#followAccount();
    if (id.startsWith('expires-')) this.#chosen.end = true;
    if (id.startsWith('confidential-')) this.#chosen.confidential = true;
    if (id === 'notify') this.#chosen.notify = true;
  }

  /** The account's own limits, and its proposals where the person has chosen nothing. */
  #followAccount(): void {
    const { account } = this;
    if (!account) return;
    const taken = takenFrom(account, this.#chosen);
    const date = byId<HTMLInputElement>('expires-date');
    date.min = taken.first;
    date.max = taken.last;
    if (taken.end !== null) this.#setEnd(taken.end);
    if (taken.confidential !== null) this.#check(taken.confidential ? 'confidential-yes' : 'confidential-no', true);
    if (taken.notify !== null) this.#check('notify', taken.notify);
    const archive = document.getElementById('archive-question');
    if (archive) setHidden(archive, !account.archive_question);
    const header = document.querySelector('.wordmark .tenant');
    if (header && account.body) header.textContent = account.body;
  }

  #value(id: string): string {
    return document.querySelector<HTMLInputElement>(`#${id}`)?.value ?? '';
  }

  #checked(id: string): boolean {
    return document.querySelector<HTMLInputElement>(`#${id}`)?.checked ?? false;
  }

  get account(): ShareAccount | null {
    const { accounts } = this.#settings;
    return accounts.find((account) => account.id === this.#value('account')) ?? accounts[0] ?? null;
  }

  get accountId(): string {
    return this.account?.id ?? '';
  }

  /** «2026-12-24T15:30», or empty while a part is missing. */
  get expiresAt(): string {
    const date = this.#value('expires-date');
    const time = this.#value('expires-time');
    return date && time ? `${date}T${time.slice(0, 5)}` : '';
  }

  get archived(): boolean {
    return this.#checked('archived');
  }

  get #texts(): Texts {
    return Object.fromEntries(TEXTS.map((id) => [id, this.#value(id)])) as Texts;
  }

  get facts(): Facts {
    return {
      account_id: this.accountId,
      ...this.#texts,
      confidential: this.#checked('confidential-yes'),
      archived: this.archived,
      notify: this.#checked('notify'),
      expires_at: this.expiresAt,
    };
  }

  get endInWords(): string | null {
    return this.endFault === null ? this.#inWords(this.expiresAt) : null;
  }

  /** Why nobody can share until then; null when they can. */
  get endFault(): string | null {
    if (this.#inWords(this.expiresAt) === null) return text('missing_end');
    const { earliest, latest } = this.account ?? { earliest: '', latest: this.expiresAt };
    if (this.expiresAt < earliest) return text('end_too_early', { moment: this.#inWords(earliest) ?? '' });
    return this.expiresAt > latest ? text('end_too_late', { moment: this.#inWords(latest) ?? '' }) : null;
  }

  #inWords(moment: string): string | null {
    return format.momentInWords(moment, this.#settings.today);
  }

  restore(draft: Draft): void {
    for (const id of TEXTS) this.#set(id, draft[id]);
    this.#set('account', draft.account_id);
    this.#chosen.confidential = true;
    this.#chosen.notify = true;
    this.#chosen.end = draft.expires_at !== '';
    this.#followAccount();
    this.#check(draft.confidential ? 'confidential-yes' : 'confidential-no', true);
    this.#check('archived', draft.archived);
    this.#check('notify', draft.notify);
    if (draft.expires_at) this.#setEnd(draft.expires_at);
    this.#paintEnd();
  }

  #set(id: string, value: string): void {
    const input = document.querySelector<HTMLInputElement>(`#${id}`);
    if (input) input.value = value;
  }

  #check(id: string, checked: boolean): void {
    const input = document.querySelector<HTMLInputElement>(`#${id}`);
    if (input) input.checked = checked;
  }

  #setEnd(moment: string): void {
    this.#set('expires-date', moment.slice(0, 10));
    this.#set('expires-time', moment.slice(11, 16));
  }

  #paintEnd(): void {
    setText(byId('expires-words'), this.#endSentence());
  }

  #endSentence(): string {
    const moment = this.endInWords;
    // That it cannot be so is said beside the field and in the summary.
    if (moment === null) return this.expiresAt === '' ? text('end_missing') : '';
    const days = format.daysBetween(this.#settings.today, this.expiresAt);
    return days > 0 ? counted('open_until_days', days, { moment }) : text('open_until', { moment });
  }
}
