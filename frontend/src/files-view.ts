/** The rows of chosen documents: what each is called, how far it has come, and what can be done with it. */

import { announce, button, byId, el, icon, setHidden, setText } from './dom.ts';
import * as format from './format.ts';
import { counted, text } from './texts.ts';
import type { UploadItem, UploadQueue, UploadState } from './uploads.ts';

const ICONS: Record<UploadState, string> = {
  registering: 'hourglass',
  queued: 'hourglass',
  uploading: 'upload',
  waiting: 'warning',
  paused: 'pause',
  missing: 'warning',
  copying: 'copy',
  failed: 'error',
  complete: 'check',
};

const ASK_BEFORE_REMOVING = 100_000_000;
const MILESTONE = 25;

interface Row {
  item: UploadItem;
  node: HTMLLIElement;
  stateIcon: HTMLElement;
  stateWord: HTMLElement;
  bar: HTMLProgressElement;
  figures: HTMLElement;
  note: HTMLElement;
  toggle: HTMLButtonElement;
  choose: HTMLButtonElement;
  remove: HTMLButtonElement;
  told: number;
  toldState: UploadState | null;
}

export interface FilesPorts {
  /** Opens the file picker. */
  choose(): void;
  removed(item: UploadItem): void;
}

export class FilesView {
  readonly #queue: UploadQueue;
  readonly #ports: FilesPorts;
  readonly #list = byId<HTMLUListElement>('file-list');
  readonly #rows = new Map<UploadItem, Row>();

  constructor(queue: UploadQueue, ports: FilesPorts) {
    this.#queue = queue;
    this.#ports = ports;
    setInterval(() => this.#tick(), 1000);
  }

  show(item: UploadItem): void {
    if (!this.#queue.items.includes(item)) return;
    let row = this.#rows.get(item);
    if (!row) {
      row = this.#build(item);
      this.#rows.set(item, row);
      this.#list.append(row.node);
      setHidden(this.#list, false);
    }
    this.#paint(row);
    this.#tell(row);
  }

  /** The id of the control that puts a stopped document right, for links from the summary. */
  controlId(item: UploadItem): string {
    const row = this.#rows.get(item);
    if (!row) return 'files';
    return (row.choose.hidden ? (row.toggle.hidden ? row.remove : row.toggle) : row.choose).id;
  }

  #build(item: UploadItem): Row {
    const key = `file-${this.#rows.size + 1}-${Math.random().toString(36).slice(2, 7)}`;
    const parts = {
      stateIcon: icon('hourglass'),
      stateWord: el('span'),
      bar: el('progress', { class: 'progress', max: '100', 'aria-label': text('progress_of', { name: item.shown }) }),
      figures: el('span', { class: 'figures' }),
      note: el('p', { class: 'file-note', hidden: true }),
      toggle: button(text('pause'), item.shown, { id: `${key}-toggle` }),
      choose: button(text('choose_again'), item.shown, { id: `${key}-choose`, 'data-variant': 'secondary' }),
      remove: button(text('remove'), item.shown, { id: `${key}-remove` }),
    };
    const node = el(
      'li',
      { class: 'row file' },
      el('span', { class: 'row-icon' }, icon('file')),
      el(
        'div',
        { class: 'row-body' },
        el('p', { class: 'row-name' }, item.shown),
        el(
          'p',
          { class: 'row-facts' },
          el('span', { class: 'nowrap' }, format.size(item.length)),
          el('span', { class: 'state nowrap' }, parts.stateIcon, parts.stateWord),
          parts.figures,
        ),
        parts.bar,
        parts.note,
      ),
      el('div', { class: 'row-actions' }, parts.choose, parts.toggle, parts.remove),
    );
    parts.toggle.addEventListener('click', () => this.#toggle(item));
    parts.choose.addEventListener('click', () => this.#ports.choose());
    parts.remove.addEventListener('click', () => this.#askToRemove(item));
    return { item, node, ...parts, told: 0, toldState: null };
  }

  #paint(row: Row): void {
    const { item } = row;
    row.node.dataset['state'] = item.state;
    row.stateIcon.className = `icon icon-${ICONS[item.state]}`;
    setText(row.stateWord, this.#state(item));
    // Bytes handed to the network are not yet on the server: 100 is for when it has said so.
    const percent = Math.min(99, format.percent(item.sent, item.length));
    const moving = !['complete', 'failed', 'registering'].includes(item.state);
    setHidden(row.bar, !moving);
    if (row.bar.value !== percent) row.bar.value = percent;
    setText(row.figures, moving ? this.#figures(item, percent) : '');
    const note = this.#note(item);
    setText(row.note, note);
    setHidden(row.note, note === '');
    this.#paintButtons(row);
  }

  #state(item: UploadItem): string {
    if (item.reason === 'infected') return text('state_infected');
    if (item.notCopied) return text('state_not_copied');
    return text(item.copied && item.state === 'complete' ? 'state_copied' : `state_${item.state}`);
  }

  #figures(item: UploadItem, percent: number): string {
    const speed = item.meter.bytesPerSecond;
    if (item.state !== 'uploading' || !speed) return `${percent} %`;
    return [`${percent} %`, format.rate(speed), format.timeLeft((item.length - item.sent) / speed)].join(' · ');
  }

  #note(item: UploadItem): string {
    if (item.state === 'missing') return text('note_missing');
    if (item.state === 'waiting') return this.#waitingNote(item);
    if (item.state !== 'failed') return item.length === 0 ? text('empty_file') : '';
    return item.reason === 'refused' && item.message ? item.message : text(`note_${item.reason ?? 'rejected'}`);
  }

  #waitingNote(item: UploadItem): string {
    if (!navigator.onLine) return text('note_offline');
    const seconds = Math.max(1, Math.ceil((item.retryAt - Date.now()) / 1000));
    return item.storeFull ? text('note_full') : counted('note_broken', seconds);
  }

  #paintButtons({ item, toggle, choose }: Row): void {
    const again = item.state === 'failed' && item.reason !== 'unreadable' && item.file !== null;
    const pausable = ['registering', 'queued', 'uploading', 'waiting'].includes(item.state);
    setHidden(toggle, !(pausable || item.state === 'paused' || again));
    setHidden(choose, item.state !== 'missing' && item.reason !== 'unreadable');
    const label = again ? 'try_again' : item.state === 'paused' ? 'resume' : 'pause';
    const place = toggle.querySelector('[data-label]');
    if (place) setText(place, text(label));
  }

  #toggle(item: UploadItem): void {
    if (item.state === 'paused' || item.state === 'failed') this.#queue.resume(item);
    else this.#queue.pause(item);
  }

  /** Speaks at a quarter, half and three quarters, and whenever something changes that a person should know. */
  #tell(row: Row): void {
    const { item } = row;
    const percent = format.percent(item.sent, item.length);
    const milestone = Math.floor(percent / MILESTONE) * MILESTONE;
    if (item.state === 'uploading' && milestone > row.told && percent < 100) {
      if (row.toldState === 'uploading') {
        announce(text('said_progress', { name: item.shown, percent: `${milestone} %` }), 'progress');
      }
      row.told = milestone;
    }
    if (row.toldState === item.state) return;
    row.toldState = item.state;
    if (['waiting', 'failed'].includes(item.state)) announce(`${item.shown}: ${this.#note(item)}`);
    if (['complete', 'paused'].includes(item.state)) announce(`${item.shown}: ${this.#state(item)}`, 'progress');
  }

  #askToRemove(item: UploadItem): void {
    if (item.sent < ASK_BEFORE_REMOVING) {
      this.#remove(item);
      return;
    }
    const dialog = byId<HTMLDialogElement>('remove-dialog');
    setText(byId('remove-dialog-name'), item.shown);
    dialog.returnValue = '';
    dialog.onclose = () => {
      if (dialog.returnValue === 'remove') this.#remove(item);
    };
    dialog.showModal();
  }

  #remove(item: UploadItem): void {
    const rows = [...this.#rows.keys()];
    const index = rows.indexOf(item);
    const neighbour = rows[index + 1] ?? rows[index - 1];
    this.#rows.get(item)?.node.remove();
    this.#rows.delete(item);
    setHidden(this.#list, this.#rows.size === 0);
    this.#queue.remove(item);
    this.#ports.removed(item);
    (neighbour ? this.#rows.get(neighbour)?.remove : byId('files'))?.focus();
    announce(text('said_removed', { name: item.shown }));
  }

  #tick(): void {
    for (const row of this.#rows.values()) if (row.item.state === 'waiting') this.#paint(row);
  }
}
