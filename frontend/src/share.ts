/** The page `/del`: ties fields, files, recipients and summary to the draft that the server keeps. */

import { Api, Refused, type Obstacle } from './api.ts';
import { Documents } from './documents.ts';
import { announce, byId, setHidden, setText } from './dom.ts';
import { clearFieldErrors, clearSummary, fieldId, setFieldError, showErrors } from './errors.ts';
import { Fields } from './fields.ts';
import { RecipientsView, type Added } from './recipients-view.ts';
import { Saver } from './saver.ts';
import { SummaryView, waitingWords, type Missing } from './summary-view.ts';
import { counted, readJson, text } from './texts.ts';
import { TEXTS, type Draft, type FieldError, type ShareSettings, type StoredDocument } from './types.ts';
import type { UploadItem } from './uploads.ts';

const PAINT_INTERVAL = 250;
/** So many numbers to check are named in the summary, more are counted. */
const MAX_NAMED = 5;
/** Milliseconds. */
const COPIES_INTERVAL = 1500;

class SharePage {
  readonly #api: Api;
  readonly #saver = new Saver(
    () => this.#saveFields(),
    () => this.#paintSaved(),
  );
  readonly #fields: Fields;
  readonly #documents: Documents;
  readonly #recipients: RecipientsView;
  readonly #summary = new SummaryView();
  #draftId: Promise<string> | null = null;
  #proposed = false;
  #publishing: 'no' | 'waiting' | 'sending' | 'done' = 'no';
  #obstacle: Obstacle = 'none';
  #painted = 0;
  #paintTimer: ReturnType<typeof setTimeout> | undefined;
  /** Controls that the summary of faults has asked for, and that are not put right yet. */
  #asked: string[] = [];
  readonly #removals = new Set<Promise<unknown>>();

  constructor(settings: ShareSettings, draft: Draft | null) {
    const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? '';
    this.#api = new Api(token, (obstacle) => this.#showObstacle(obstacle));
    this.#fields = new Fields(
      settings,
      () => this.#touched(),
      () => void this.#saver.flush(),
    );
    this.#documents = new Documents({
      maxLength: settings.max_document_length,
      announce: (facts) => this.#call('POST', '/dokumenter', facts),
      takeOut: (id) => this.#takeOut(`/dokumenter/${encodeURIComponent(id)}`),
      changed: (item) => this.#itemChanged(item),
    });
    this.#recipients = new RecipientsView({
      add: (pasted) => this.#addRecipients('/mottakere', { text: pasted }),
      addRecent: async (id) => {
        // The server offers those of the draft's account, which may just have been chosen.
        await this.#saver.flush();
        return this.#addRecipients('/nylig-brukt', { recent: id });
      },
      update: (id, words) => this.#call('PUT', `/mottakere/${id}`, words),
      remove: (id) => this.#takeOut(`/mottakere/${id}`),
      changed: () => this.#repaint(),
      handedIn: () => this.#paintSaved(),
      failed: (error) => this.#failed(error),
      notKept: (error, label) => this.#notKept(error, { label }),
    });
    this.#listen();
    if (draft) this.#restore(draft);
    this.#repaint();
  }

  #listen(): void {
    byId('publish').addEventListener('click', () => void this.#publish());
    byId('waiting-cancel').addEventListener('click', () => this.#stopWaiting());
    window.addEventListener('pagehide', () => this.#leave());
    window.addEventListener('beforeunload', (event) => {
      const waits = this.#documents.queue.running || this.#publishing === 'waiting';
      const unfinished = waits || this.#obstacle !== 'none';
      if (unfinished && !this.#over) event.preventDefault();
    });
  }

  #restore(draft: Draft): void {
    this.#draftId = Promise.resolve(draft.id);
    this.#proposed = draft.proposed;
    this.#fields.restore(draft);
    this.#recipients.restore(draft.recipients, draft.remarks ?? {});
    this.#documents.queue.restore(draft.documents);
    if (this.#documents.queue.copying) void this.#followCopies(draft.id);
    // A copy has no end of its own yet: the one proposed here is to be kept.
    if (draft.expires_at === '') this.#saver.touch();
  }

  // -- the draft ---------------------------------------------------------------------------------------------------

  #draft(): Promise<string> {
    this.#draftId ??= this.#createDraft();
    return this.#draftId;
  }

  async #createDraft(): Promise<string> {
    try {
      const body = { account_id: this.#fields.accountId };
      const { draft } = await this.#api.call<{ draft: Draft }>('POST', '/del/utkast', body);
      this.#showAddress(`/del?utkast=${encodeURIComponent(draft.id)}`);
      this.#saver.touch();
      return draft.id;
    } catch (error) {
      this.#draftId = null;
      throw error;
    }
  }

  /** The draft can be taken up again from here, and from here in another language. */
  #showAddress(address: string): void {
    history.replaceState(null, '', address);
    for (const link of document.querySelectorAll<HTMLAnchorElement>('a[hreflang]')) {
      link.search = new URLSearchParams({ neste: address }).toString();
    }
  }

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const address = `/del/utkast/${encodeURIComponent(await this.#draft())}`;
    const answer = await this.#api.call<T>(method, `${address}${path}`, body);
    if (this.#proposed && path !== '/publisering') this.#takenBack();
    return answer;
  }

  /** Every change takes the request for approval back. */
  #takenBack(): void {
    this.#proposed = false;
    setText(byId('proposed-words'), text('said_taken_back'));
    announce(text('said_taken_back'));
  }

  #touched(): void {
    this.#saver.touch();
    this.#repaint();
  }

  #leave(): void {
    if (this.#over) return;
    this.#saver.leave();
    this.#recipients.leave();
  }

  /** What is here has been shared, or was written by another than the one who sits here now: it is not kept. */
  get #over(): boolean {
    return this.#publishing === 'done' || this.#obstacle === 'someone-else';
  }

  async #saveFields(): Promise<FieldError[]> {
    if (this.#over) return [];
    try {
      await this.#call('PUT', '', this.#fields.facts);
      clearFieldErrors([...TEXTS, 'account_id', 'confidential']);
      // A draft may be kept without these, but not be shared.
      if (this.#fields.expiresAt !== '') setFieldError('expires_at', null);
      if (this.#fields.archived) setFieldError('archived', null);
      return [];
    } catch (error) {
      return this.#notKept(error);
    }
  }

  /** Says why: beside the fields, or above them all when it is about none of them. `ids`: where a field has many. */
  #notKept(error: unknown, ids: Record<string, string> = {}): FieldError[] {
    if (!(error instanceof Refused)) throw error;
    const faults = this.#faultsOf(error).map(({ field, message }) => ({ field: ids[field] ?? field, message }));
    if (faults.some(({ field }) => field === '')) showErrors(faults);
    else for (const { field, message } of faults) setFieldError(field, message);
    return faults;
  }

  async #addRecipients(path: string, what: object): Promise<Added> {
    const answer = await this.#call<Omit<Added, 'recipients'> & { draft: Draft }>('POST', path, what);
    return { recipients: answer.draft.recipients, refused: answer.refused, remarks: answer.remarks };
  }

  // -- documents ---------------------------------------------------------------------------------------------------

  /** The server copies without the page, which asks only while somebody looks at it, or has asked it to publish. */
  async #followCopies(id: string): Promise<void> {
    while (this.#documents.queue.copying && !this.#over) {
      await new Promise((done) => setTimeout(done, COPIES_INTERVAL));
      if (document.hidden && this.#publishing === 'no') continue;
      try {
        const path = `/del/utkast/${encodeURIComponent(id)}/dokumenter`;
        const { documents } = await this.#api.call<{ documents: StoredDocument[] }>('GET', path);
        this.#documents.queue.follow(documents);
      } catch (error) {
        return this.#failed(error);
      }
    }
  }

  /** What has been taken out on the page must be out before anything is shared, however long the network takes. */
  #takeOut(path: string): void {
    const removal = this.#call('DELETE', path)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#removals.delete(removal);
        this.#paintSaved();
      });
    this.#removals.add(removal);
    this.#paintSaved();
  }

  /** Says that the draft is saved only when all of it is: the fields, what is said of recipients, and what is taken out. */
  #paintSaved(): void {
    if (this.#over) return;
    const states = [this.#saver.state, ...this.#recipients.states];
    if (this.#removals.size > 0 || states.includes('saving')) setText(byId('saved'), text('saving'));
    else setText(byId('saved'), states.includes('refused') ? '' : text('saved'));
  }

  #itemChanged(item: UploadItem | null): void {
    if (item?.state !== 'uploading') this.#repaint();
    else this.#paintSoon();
  }

  // -- what is seen ------------------------------------------------------------------------------------------------

  #paintSoon(): void {
    const wait = this.#painted + PAINT_INTERVAL - Date.now();
    if (wait <= 0) this.#repaint();
    else this.#paintTimer ??= setTimeout(() => this.#repaint(), wait);
  }

  #repaint(): void {
    clearTimeout(this.#paintTimer);
    this.#paintTimer = undefined;
    this.#painted = Date.now();
    this.#documents.paint();
    this.#recipients.showRecent(this.#fields.accountId);
    const missing = this.#missing();
    this.#clearWhatIsThere(missing);
    this.#summary.paint({
      items: this.#documents.queue.items,
      recipients: this.#recipients.recipients.length,
      end: this.#fields.endInWords,
      endFault: this.#fields.endFault,
      account: this.#fields.account,
      missing: this.#inShort(missing),
      waiting: this.#publishing === 'waiting' || this.#publishing === 'sending',
    });
    if (this.#publishing === 'waiting') this.#goOnWhenReady();
  }

  /** A fault that the person has put right is no fault any more, beside its field and in the summary. */
  #clearWhatIsThere(missing: Missing[]): void {
    const lacking = new Set(missing.map(({ target }) => target));
    for (const target of this.#asked) if (!lacking.has(target)) setFieldError(target, null);
    this.#asked = this.#asked.filter((target) => lacking.has(target));
  }

  #missing(): Missing[] {
    const missing = this.#documents.missing();
    const lacks = (target: string, key: string): void => void missing.push({ target, message: text(key) });
    if (this.#recipients.isRefused) lacks('recipients', 'missing_typed');
    else if (this.#recipients.recipients.length === 0) lacks('recipients', 'missing_recipients');
    for (const recipient of this.#recipients.unconfirmed) {
      const message = text('missing_confirmation', { number: this.#recipients.shownNumber(recipient) });
      missing.push({ target: this.#recipients.confirmId(recipient), message });
    }
    const { endFault } = this.#fields;
    if (endFault !== null) missing.push({ target: 'expires-date', message: endFault });
    if (this.#fields.account?.archive_question && !this.#fields.archived) lacks('archived', 'missing_archived');
    return missing;
  }

  #inShort(missing: Missing[]): Missing[] {
    const numbers = this.#recipients.unconfirmed.map((recipient) => this.#recipients.confirmId(recipient));
    const [first] = numbers;
    if (first === undefined || numbers.length <= MAX_NAMED) return missing;
    const place = missing.findIndex(({ target }) => target === first);
    return missing.toSpliced(place, numbers.length, { target: first, message: counted('check_numbers', numbers.length) });
  }

  #showObstacle(obstacle: Obstacle): void {
    this.#obstacle = obstacle;
    const loggedOut = byId('logged-out');
    if (obstacle === 'logged-out' && loggedOut.hidden) announce(text('said_logged_out'));
    if (obstacle === 'none' && !loggedOut.hidden) announce(text('said_logged_in'));
    setHidden(loggedOut, obstacle !== 'logged-out');
    setHidden(byId('offline'), obstacle !== 'offline');
  }

  #failed(error: unknown): void {
    if (!(error instanceof Refused)) throw error;
    showErrors(this.#faultsOf(error));
  }

  #faultsOf(error: Refused): FieldError[] {
    const gone = error.status === 404 || error.status === 410 || error.status === 403;
    const message = text(gone ? 'draft_gone' : 'server_fault');
    return error.errors.length > 0 ? error.errors : [{ field: '', message }];
  }

  // -- publishing --------------------------------------------------------------------------------------------------

  async #publish(): Promise<void> {
    await this.#recipients.addTyped(false);
    await this.#handIn();
    // Pressed twice while the words were handed in: what is shared once is shared.
    if (this.#publishing !== 'no') return;
    const problems = this.#problems();
    if (problems.length > 0) {
      this.#show(problems);
      return;
    }
    clearSummary();
    clearFieldErrors();
    this.#publishing = 'waiting';
    this.#documents.resumePaused();
    this.#repaint();
    if (this.#publishing !== 'waiting') return;
    announce(waitingWords(this.#fields.account?.four_eyes ?? false, this.#documents.queue.items));
    byId('waiting-cancel').focus();
  }

  #show(problems: FieldError[]): void {
    this.#asked = this.#missing().map(({ target }) => target);
    showErrors(problems);
  }

  async #handIn(): Promise<void> {
    await Promise.all([this.#saver.flush(), this.#recipients.flush(), ...this.#removals]);
  }

  #problems(): FieldError[] {
    const faults = [...this.#saver.faults, ...this.#recipients.faults];
    const told = new Set(faults.map(({ field }) => fieldId(field)));
    const missing = this.#missing().filter(({ target }) => !told.has(fieldId(target)));
    const problems = [...missing.map(({ target, message }) => ({ field: target, message })), ...faults];
    const isSaid = problems.some(({ field }) => field === 'recipients');
    if (this.#recipients.typed !== '' && !isSaid) problems.push({ field: 'recipients', message: text('missing_typed') });
    return problems;
  }

  /** Called at every change while waiting: goes on, or steps back when something needs the person again. */
  #goOnWhenReady(): void {
    const { queue } = this.#documents;
    if (queue.running || queue.copying) return;
    const problems = this.#problems();
    const paused = queue.items.some((item) => item.state === 'paused');
    if (problems.length > 0 || paused) return this.#stepBack(problems);
    this.#publishing = 'sending';
    void this.#send();
  }

  #stepBack(problems: FieldError[]): void {
    this.#stopWaiting();
    if (problems.length > 0) this.#show(problems);
  }

  async #send(): Promise<void> {
    try {
      await this.#handIn();
      // Called off, or refused, while it was handed in: nothing is shared but what stands in the form.
      if (this.#publishing !== 'sending') return;
      const problems = this.#problems();
      if (problems.length > 0) return this.#stepBack(problems);
      const { location } = await this.#call<{ location: string }>('POST', '/publisering', this.#shown);
      this.#publishing = 'done';
      window.location.assign(location);
    } catch (error) {
      this.#publishing = 'no';
      this.#repaint();
      this.#failed(error);
    }
  }

  /** What the person has before them: what another page, or a colleague, has put in meanwhile is not shared unseen. */
  get #shown(): { documents: string[]; recipients: string[] } {
    return {
      documents: this.#documents.ids,
      recipients: this.#recipients.recipients.map(({ id }) => id),
    };
  }

  #stopWaiting(): void {
    this.#publishing = 'no';
    this.#repaint();
    byId('publish').focus();
  }
}

const settings = readJson<ShareSettings>('settings');
if (settings) {
  new SharePage(settings, readJson<Draft>('draft'));
  setHidden(byId('share-form'), false);
  // A page taken from the browser's memory after publishing would show a draft that is no more.
  window.addEventListener('pageshow', (event) => {
    if (event.persisted) window.location.reload();
  });
}

