/**
 * The queue of documents on their way up. Two go at a time, or one that goes in pieces; a broken connection is tried
 * again for as long as it takes; a pause lasts until the person ends it. Knows neither the page nor the protocol: both are handed in.
 */

import { nameOf, tidied } from './file-names.ts';
import type { CopyFailure, StoredDocument, UploadTarget } from './types.ts';

export type UploadState =
  | 'registering'
  | 'queued'
  | 'uploading'
  | 'waiting'
  | 'paused'
  | 'missing' // known to the server from before; the file must be chosen again
  | 'copying' // by the server, from another share
  | 'failed'
  | 'complete';

export type FailureReason = 'refused' | 'unreadable' | 'rejected' | 'infected' | `copy_${CopyFailure}`;

/** How a broken transfer is to be met. */
export type Remedy = 'retry' | 'retry-full' | 'renew' | 'give-up';

export interface TransferEvents {
  /** What the server has made, to go on from after a failure. */
  located(found: Partial<UploadTarget>): void;
  progressed(sent: number): void;
  succeeded(): void;
  /** `status` is null when no answer came. */
  failed(status: number | null): void;
}

export interface Transfer {
  stop(): void;
}

export interface Ports {
  register(file: File): Promise<{ document: StoredDocument; upload: UploadTarget }>;
  send(file: File, target: UploadTarget, events: TransferEvents): Transfer;
  /** A file of this length has the line to itself. */
  alone(length: number): boolean;
  readable(file: File): Promise<boolean>;
  refusal(error: unknown): string;
  /** The document came into being after its row had been removed. */
  unwanted(documentId: string): void;
  changed(item: UploadItem): void;
  now(): number;
}

const RETRY_DELAYS = [1000, 3000, 5000, 10_000, 20_000, 30_000];
const SETTLED_AFTER = 10_000;
const RATE_WINDOW = 8000;
const RATE_STEP = 250;

export class RateMeter {
  #samples: { at: number; bytes: number }[] = [];

  reset(): void {
    this.#samples = [];
  }

  record(at: number, bytes: number): void {
    const last = this.#samples.at(-1);
    if (last && at - last.at < RATE_STEP) return;
    this.#samples.push({ at, bytes });
    while (this.#samples.length > 2 && at - (this.#samples[0]?.at ?? at) > RATE_WINDOW) this.#samples.shift();
  }

  /** Bytes a second over the last seconds; null until there is enough to say. */
  get bytesPerSecond(): number | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.at - first.at < 1000) return null;
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }
}

export class UploadItem {
  readonly name: string;
  readonly length: number;
  readonly modifiedAt: number | null;
  readonly meter = new RateMeter();
  id: string | null = null;
  file: File | null = null;
  state: UploadState = 'registering';
  sent = 0;
  attempt = 0;
  retryAt = 0;
  storeFull = false;
  reason: FailureReason | null = null;
  message = '';
  target: UploadTarget | null = null;
  transfer: Transfer | null = null;
  timer: ReturnType<typeof setTimeout> | undefined;
  startedAt = 0;
  renewed = false;
  /** It was copied from another share while the page was open. */
  copied = false;

  constructor(name: string, length: number, modifiedAt: number | null) {
    this.name = name;
    this.length = length;
    this.modifiedAt = modifiedAt;
  }

  /** Every byte is with the service, whatever it has found there. */
  get arrived(): boolean {
    return this.state === 'complete' || this.reason === 'infected';
  }

  /** The copy from another share has failed for good. */
  get notCopied(): boolean {
    return this.reason?.startsWith('copy_') ?? false;
  }

  /** Under way without anybody having to do anything. */
  get running(): boolean {
    return ['registering', 'queued', 'uploading', 'waiting'].includes(this.state);
  }

  /** The name with a box for each invisible character that no writing needs (`domain/characters.py`). */
  get shown(): string {
    return this.name.replaceAll(/(?![\u00ad\u200c\u200d])[\p{Cf}\p{Cc}]/gu, '\u25a1');
  }

  same(file: File): boolean {
    return tidied(this.name) === tidied(nameOf(file)) && this.length === file.size && this.modifiedAt === file.lastModified;
  }
}

export function remedyFor(status: number | null): Remedy {
  if (status === null || status === 0) return 'retry';
  if (status === 507) return 'retry-full';
  if ([401, 403, 404, 410].includes(status)) return 'renew';
  if (status >= 500 || [408, 409, 423, 425, 429].includes(status)) return 'retry';
  return 'give-up';
}

export class UploadQueue {
  readonly items: UploadItem[] = [];
  readonly #ports: Ports;
  readonly #limit: number;
  #registrations: Promise<void> = Promise.resolve();

  constructor(ports: Ports, limit = 2) {
    this.#ports = ports;
    this.#limit = limit;
  }

  get running(): boolean {
    return this.items.some((item) => item.running);
  }

  restore(documents: StoredDocument[]): void {
    for (const stored of documents) {
      const item = new UploadItem(stored.name, stored.length, stored.modified_at);
      item.id = stored.id;
      this.items.push(item);
      this.#meetStored(item, stored);
    }
  }

  /** Whether the server copies documents. It does so without the page. */
  get copying(): boolean {
    return this.items.some((item) => item.state === 'copying');
  }

  /** Takes over how far the copies have come. One that is no longer there was removed on another page. */
  follow(documents: StoredDocument[]): void {
    for (const item of this.items) {
      if (item.state !== 'copying') continue;
      const stored = documents.find(({ id }) => id === item.id);
      if (stored) this.#meetStored(item, stored);
      else this.#fail(item, 'copy_gone');
    }
  }

  #meetStored(item: UploadItem, stored: StoredDocument): void {
    item.sent = stored.offset;
    item.copied ||= stored.copying;
    if (stored.infected) this.#fail(item, 'infected');
    else if (stored.copy_failure) this.#fail(item, `copy_${stored.copy_failure}`);
    else if (stored.copying) this.#enter(item, 'copying');
    else this.#enter(item, stored.complete ? 'complete' : 'missing');
  }

  /** Takes a chosen file. False when the very same file is here already and under way, finished or infected. */
  add(file: File): boolean {
    const known = this.items.find((item) => item.same(file) && !item.notCopied);
    const goesOn = known?.state === 'missing' || (known?.state === 'failed' && known.reason !== 'infected');
    if (known && !goesOn) return false;
    const item = known ?? new UploadItem(nameOf(file), file.size, file.lastModified);
    if (!known) this.items.push(item);
    item.file = file;
    this.#registerLater(item);
    return true;
  }

  /** A row that was never sent, with the reason beside it. */
  refuse(file: File, message: string): void {
    const item = new UploadItem(nameOf(file), file.size, file.lastModified);
    this.items.push(item);
    this.#fail(item, 'refused', message);
  }

  pause(item: UploadItem): void {
    this.#halt(item);
    this.#enter(item, 'paused');
    this.#pump();
  }

  /** Goes on after a pause, or at once instead of waiting for the next try. */
  resume(item: UploadItem): void {
    clearTimeout(item.timer);
    if (item.target) {
      this.#enter(item, 'queued');
      this.#pump();
    } else {
      this.#registerLater(item);
    }
  }

  remove(item: UploadItem): void {
    this.#halt(item);
    this.items.splice(this.items.indexOf(item), 1);
    this.#pump();
  }

  /** The network is back: nobody needs to wait out the delay. */
  retryNow(): void {
    for (const item of this.items) if (item.state === 'waiting') this.resume(item);
  }

  #enter(item: UploadItem, state: UploadState): void {
    item.state = state;
    if (state !== 'failed') item.reason = null;
    if (state !== 'uploading') item.meter.reset();
    this.#ports.changed(item);
  }

  #fail(item: UploadItem, reason: FailureReason, message = ''): void {
    item.reason = reason;
    item.message = message;
    this.#enter(item, 'failed');
    this.#pump();
  }

  #halt(item: UploadItem): void {
    clearTimeout(item.timer);
    item.transfer?.stop();
    item.transfer = null;
  }

  /** One after the other, so that the server lists the documents in the order in which they were chosen. */
  #registerLater(item: UploadItem): void {
    this.#enter(item, 'registering');
    this.#registrations = this.#registrations.then(() => this.#register(item));
  }

  async #register(item: UploadItem): Promise<void> {
    if (item.state !== 'registering' || !item.file || !this.items.includes(item)) return;
    try {
      const { document, upload } = await this.#ports.register(item.file);
      if (!this.items.includes(item)) return this.#ports.unwanted(document.id);
      item.id = document.id;
      item.sent = document.offset;
      item.target = upload;
      if (item.state !== 'registering') return;
      this.#enter(item, document.complete ? 'complete' : 'queued');
    } catch (error) {
      this.#fail(item, 'refused', this.#ports.refusal(error));
    }
    this.#pump();
  }

  #pump(): void {
    const takes = ({ length }: UploadItem): number => (this.#ports.alone(length) ? this.#limit : 1);
    const active = this.items.filter((item) => item.state === 'uploading' || item.state === 'waiting');
    let free = this.#limit - active.reduce((sum, item) => sum + takes(item), 0);
    for (const item of this.items.filter(({ state }) => state === 'queued')) {
      // In their order: small ones do not pass a large one for ever.
      if (takes(item) > free) return;
      free -= takes(item);
      this.#start(item);
    }
  }

  #start(item: UploadItem): void {
    const { file, target } = item;
    if (!file || !target) return;
    item.startedAt = this.#ports.now();
    this.#enter(item, 'uploading');
    item.transfer = this.#ports.send(file, target, this.#eventsOf(item));
  }

  #eventsOf(item: UploadItem): TransferEvents {
    return {
      located: (found) => {
        if (item.target) item.target = { ...item.target, ...found };
      },
      progressed: (sent) => {
        if (item.state !== 'uploading') return;
        item.sent = sent;
        item.meter.record(this.#ports.now(), sent);
        this.#ports.changed(item);
      },
      succeeded: () => {
        item.sent = item.length;
        item.transfer = null;
        this.#enter(item, 'complete');
        this.#pump();
      },
      failed: (status) => void this.#meet(item, status),
    };
  }

  async #meet(item: UploadItem, status: number | null): Promise<void> {
    item.transfer = null;
    if (item.state !== 'uploading') return;
    if (this.#ports.now() - item.startedAt > SETTLED_AFTER) {
      item.attempt = 0;
      item.renewed = false;
    }
    const remedy = remedyFor(status);
    if (remedy === 'give-up' || (remedy === 'renew' && item.renewed)) return this.#fail(item, 'rejected');
    const readable = item.file === null || (await this.#ports.readable(item.file));
    // Paused, and perhaps resumed, or removed meanwhile.
    if (item.state !== 'uploading' || item.transfer || !this.items.includes(item)) return;
    if (!readable) return this.#loseFile(item);
    if (remedy === 'renew') {
      item.renewed = true;
      this.#registerLater(item);
      return;
    }
    item.storeFull = remedy === 'retry-full';
    this.#wait(item);
  }

  #loseFile(item: UploadItem): void {
    item.file = null;
    this.#fail(item, 'unreadable');
  }

  #wait(item: UploadItem): void {
    const delay = RETRY_DELAYS[Math.min(item.attempt, RETRY_DELAYS.length - 1)] ?? 30_000;
    item.attempt += 1;
    item.retryAt = this.#ports.now() + delay;
    item.timer = setTimeout(() => this.resume(item), delay);
    this.#enter(item, 'waiting');
  }
}
