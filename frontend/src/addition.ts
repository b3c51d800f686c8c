/** The page `/delinger/…/dokumenter`: documents are uploaded beside a published share, and added to it together. */

import { Api, Refused } from './api.ts';
import { Documents } from './documents.ts';
import { announce, byId, setHidden, setText } from './dom.ts';
import { clearFieldErrors, clearSummary, setFieldError, showErrors } from './errors.ts';
import { readJson, text } from './texts.ts';
import type { FieldError, StoredDocument } from './types.ts';

/** Milliseconds between questions whether the documents have been checked. */
const ASK_AGAIN = 2000;

interface Addition {
  share_id: string;
  max_document_length: number;
  documents: StoredDocument[];
}

/** Where to go when the documents are added; without an address they are still being checked. */
interface Answer {
  location?: string;
}

class AdditionPage {
  readonly #addition: Addition;
  readonly #api: Api;
  readonly #documents: Documents;
  readonly #removals = new Set<Promise<unknown>>();
  #state: 'editing' | 'waiting' | 'sending' | 'done' = 'editing';

  constructor(addition: Addition) {
    this.#addition = addition;
    const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? '';
    this.#api = new Api(token, (obstacle) => {
      setHidden(byId('logged-out'), obstacle !== 'logged-out');
      setHidden(byId('offline'), obstacle !== 'offline');
    });
    this.#documents = new Documents({
      maxLength: addition.max_document_length,
      announce: (facts) => this.#call('POST', '/dokumenter', facts),
      takeOut: (id) => this.#takeOut(id),
      changed: () => this.#repaint(),
    });
    byId('add').addEventListener('click', () => void this.#add());
    byId('waiting-cancel').addEventListener('click', () => this.#stopWaiting());
    window.addEventListener('beforeunload', (event) => {
      if (this.#documents.queue.running && this.#state !== 'done') event.preventDefault();
    });
    this.#documents.queue.restore(addition.documents);
    this.#repaint();
  }

  #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    return this.#api.call<T>(method, `/delinger/${encodeURIComponent(this.#addition.share_id)}${path}`, body);
  }

  /** What has been taken out on the page must be out before anything is added. */
  #takeOut(id: string): void {
    const removal = this.#call('DELETE', `/dokumenter/${encodeURIComponent(id)}`)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => this.#removals.delete(removal));
    this.#removals.add(removal);
  }

  #repaint(): void {
    this.#documents.paint();
    if (this.#documents.queue.items.length > 0) setFieldError('documents', null);
    const waits = this.#state === 'waiting' || this.#state === 'sending';
    setHidden(byId('add'), waits);
    setHidden(byId('waiting'), !waits);
    setText(byId('waiting-words'), text(this.#documents.queue.running ? 'waiting' : 'checking'));
    if (this.#state === 'waiting') this.#goOnWhenReady();
  }

  async #add(): Promise<void> {
    await Promise.all(this.#removals);
    if (this.#state !== 'editing') return;
    const missing = this.#documents.missing();
    if (missing.length > 0) return this.#show(missing.map(({ target, message }) => ({ field: target, message })));
    clearSummary();
    clearFieldErrors();
    this.#state = 'waiting';
    this.#documents.resumePaused();
    this.#repaint();
    if (this.#state !== 'waiting') return;
    announce(text('waiting'));
    byId('waiting-cancel').focus();
  }

  /** Called at every change while waiting: goes on, or steps back when something needs the person again. */
  #goOnWhenReady(): void {
    if (this.#documents.queue.running) return;
    const paused = this.#documents.queue.items.some((item) => item.state === 'paused');
    if (this.#documents.missing().length > 0 || paused) return this.#stopWaiting();
    this.#state = 'sending';
    void this.#send();
  }

  async #send(): Promise<void> {
    try {
      while (this.#state === 'sending') {
        await Promise.all(this.#removals);
        const { location } = await this.#call<Answer>('POST', '/publisering', { documents: this.#documents.ids });
        if (location !== undefined) {
          this.#state = 'done';
          window.location.assign(location);
          return;
        }
        this.#repaint();
        await new Promise((done) => setTimeout(done, ASK_AGAIN));
      }
    } catch (error) {
      this.#state = 'editing';
      this.#repaint();
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (!(error instanceof Refused)) throw error;
    this.#show(error.errors.length > 0 ? error.errors : [{ field: '', message: text('server_fault') }]);
  }

  #show(faults: FieldError[]): void {
    showErrors(faults);
  }

  #stopWaiting(): void {
    this.#state = 'editing';
    this.#repaint();
    byId('add').focus();
  }
}

const addition = readJson<Addition>('addition');
if (addition) {
  new AdditionPage(addition);
  setHidden(byId('addition-form'), false);
  // A page taken from the browser's memory would show documents that are part of the share by now.
  window.addEventListener('pageshow', (event) => {
    if (event.persisted) window.location.reload();
  });
}
