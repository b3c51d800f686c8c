/** What stays in sight: how far the files are, who receives, until when, what is still missing. */

import { byId, el, setHidden, setText } from './dom.ts';
import * as format from './format.ts';
import { counted, text } from './texts.ts';
import type { ShareAccount } from './types.ts';
import type { UploadItem } from './uploads.ts';

export interface Missing {
  /** Id of the control to go to. */
  target: string;
  message: string;
}

export interface Overview {
  items: UploadItem[];
  recipients: number;
  end: string | null;
  /** Why there is no end. */
  endFault: string | null;
  account: ShareAccount | null;
  missing: Missing[];
  waiting: boolean;
}

function totals(items: UploadItem[]): { length: number; sent: number; speed: number } {
  const total = { length: 0, sent: 0, speed: 0 };
  for (const item of items) {
    total.length += item.length;
    total.sent += item.arrived ? item.length : Math.min(item.sent, item.length);
    if (item.state === 'uploading') total.speed += item.meter.bytesPerSecond ?? 0;
  }
  return total;
}

/** What publication waits for, when it has been asked for. */
export function waitingWords(fourEyes: boolean, items: UploadItem[]): string {
  const copies = items.some(({ state }) => state === 'copying') && !items.some(({ running }) => running);
  return text(`waiting${copies ? '_for_copies' : ''}${fourEyes ? '_to_propose' : ''}`);
}

export class SummaryView {
  readonly #bar = byId<HTMLProgressElement>('summary-progress');
  #shownMissing: string | null = null;

  paint(overview: Overview): void {
    const { items, recipients, end, endFault, missing, waiting } = overview;
    this.#paintFiles(items);
    this.#paintAccount(overview.account, items);
    setText(byId('summary-recipients'), recipients ? counted('recipients', recipients) : text('no_recipients'));
    setText(byId('summary-end'), end ? text('until', { moment: end }) : (endFault ?? ''));
    this.#paintMissing(missing);
    setText(byId('summary-short'), this.#short(overview));
    setHidden(byId('publish'), waiting);
    setHidden(byId('waiting'), !waiting);
  }

  /** Where another member must approve, the button says what it does. */
  #paintAccount(account: ShareAccount | null, items: UploadItem[]): void {
    const fourEyes = account?.four_eyes ?? false;
    setText(byId('summary-account'), account?.name ?? '');
    setText(byId('publish'), text(fourEyes ? 'propose' : 'publish'));
    setText(byId('waiting-words'), waitingWords(fourEyes, items));
    setHidden(byId('four-eyes'), !fourEyes);
  }

  #paintFiles(items: UploadItem[]): void {
    const { length, sent, speed } = totals(items);
    const unfinished = items.some((item) => !item.arrived);
    const percent = unfinished ? Math.min(99, format.percent(sent, length)) : 100;
    setText(byId('summary-files'), items.length ? `${counted('files', items.length)}, ${format.size(length)}` : text('no_files'));
    // It stays when all is there: the button below would move away from under the mouse.
    setHidden(byId('summary-upload'), items.length === 0);
    if (this.#bar.value !== percent) this.#bar.value = percent;
    const left = speed > 0 ? ` · ${format.timeLeft((length - sent) / speed)}` : '';
    setText(byId('summary-figures'), `${percent} %${left}`);
  }

  #paintMissing(missing: Missing[]): void {
    const key = missing.map(({ target, message }) => `${target} ${message}`).join('\n');
    if (key === this.#shownMissing) return;
    this.#shownMissing = key;
    setHidden(byId('missing'), missing.length === 0);
    setHidden(byId('ready'), missing.length > 0);
    byId('missing-list').replaceChildren(...missing.map((entry) => this.#missingRow(entry)));
  }

  #missingRow({ target, message }: Missing): HTMLLIElement {
    const link = el('a', { class: 'ds-link', href: `#${target}` }, message);
    link.addEventListener('click', (event) => {
      event.preventDefault();
      document.getElementById(target)?.focus();
    });
    return el('li', {}, link);
  }

  /** One line for the bar at the foot of a narrow page. */
  #short({ items, recipients, missing }: Overview): string {
    const { length, sent } = totals(items);
    const unfinished = items.some((item) => !item.arrived);
    const files = items.length ? counted('files', items.length) : text('no_files');
    const progress = unfinished ? ` (${Math.min(99, format.percent(sent, length))} %)` : '';
    const parts = [`${files}${progress}`, recipients ? counted('recipients', recipients) : text('no_recipients')];
    if (items.length > 0 && recipients > 0 && missing.length > 0) parts.push(counted('things_missing', missing.length));
    return parts.join(' · ');
  }
}
