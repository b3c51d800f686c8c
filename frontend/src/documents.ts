/** The documents of a page: chosen, announced, sent and taken out, by the calls that the page hands in. */

import { Refused } from './api.ts';
import { byId, setHidden, showNote } from './dom.ts';
import { watchFiles, type Chosen } from './drop.ts';
import { setFieldError } from './errors.ts';
import { nameOf } from './file-names.ts';
import { FilesView } from './files-view.ts';
import { LARGE } from './pieces.ts';
import type { Missing } from './summary-view.ts';
import { counted, text } from './texts.ts';
import { isReadable, sendByTus } from './tus.ts';
import type { StoredDocument, UploadTarget } from './types.ts';
import { UploadQueue, type UploadItem } from './uploads.ts';

export interface DocumentsPorts {
  /** Bytes. */
  maxLength: number;
  announce(facts: object): Promise<{ document: StoredDocument; upload: UploadTarget }>;
  takeOut(documentId: string): void;
  changed(item: UploadItem | null): void;
}

export class Documents {
  readonly queue: UploadQueue;
  readonly #ports: DocumentsPorts;
  readonly #files: FilesView;
  readonly #stale = new Set<UploadItem>();

  constructor(ports: DocumentsPorts) {
    this.#ports = ports;
    this.queue = new UploadQueue({
      alone: (length) => length >= LARGE,
      register: (file) => ports.announce({ name: nameOf(file), length: file.size, modified_at: file.lastModified }),
      send: sendByTus,
      readable: isReadable,
      refusal: (error) => (error instanceof Refused ? error.errors[0]?.message : null) ?? text('note_rejected'),
      unwanted: (id) => ports.takeOut(id),
      changed: (item) => this.#changed(item),
      now: () => Date.now(),
    });
    this.#files = new FilesView(this.queue, {
      choose: () => byId<HTMLInputElement>('files').click(),
      removed: (item) => this.#removed(item),
    });
    const input = byId<HTMLInputElement>('files');
    const folder = byId<HTMLInputElement>('folder');
    watchFiles([input, folder], byId('drop'), (chosen) => this.#choose(chosen));
    byId('choose-folder').addEventListener('click', () => folder.click());
    setHidden(byId('choose-folder'), !('webkitdirectory' in folder));
    window.addEventListener('online', () => this.queue.retryNow());
  }

  /** Ids of the documents that the server knows. */
  get ids(): string[] {
    return this.queue.items.flatMap(({ id }) => id ?? []);
  }

  paint(): void {
    for (const item of this.#stale) this.#files.show(item);
    this.#stale.clear();
  }

  /** What must be put right before the documents can be shared. */
  missing(): Missing[] {
    if (this.queue.items.length === 0) return [{ target: 'files', message: text('missing_files') }];
    const stopped = this.queue.items.filter(({ state }) => state === 'missing' || state === 'failed');
    return stopped.map((item) => ({
      target: this.#files.controlId(item),
      message: text(missingKey(item), { name: item.shown }),
    }));
  }

  resumePaused(): void {
    for (const item of this.queue.items) if (item.state === 'paused') this.queue.resume(item);
  }

  #choose({ files, empty }: Chosen): void {
    setFieldError('documents', empty.length > 0 ? text('empty_folder', { name: empty.join(', ') }) : null);
    const known: File[] = [];
    for (const file of files) {
      if (file.size > this.#ports.maxLength) this.queue.refuse(file, text('too_large'));
      else if (!this.queue.add(file)) known.push(file);
    }
    const name = known[0] ? nameOf(known[0]) : '';
    showNote('files', known.length > 0 ? counted('files_known', known.length, { name }) : '');
    this.#ports.changed(null);
  }

  #removed(item: UploadItem): void {
    if (item.id !== null) this.#ports.takeOut(item.id);
    const refused = document.getElementById('refused');
    if (refused && !this.queue.items.some(({ reason }) => reason === 'infected')) setHidden(refused, true);
    this.#ports.changed(null);
  }

  #changed(item: UploadItem): void {
    this.#stale.add(item);
    this.#ports.changed(item);
  }
}

function missingKey(item: UploadItem): string {
  if (item.notCopied) return 'missing_copy';
  return item.reason === 'infected' ? 'missing_infected' : 'missing_upload';
}
