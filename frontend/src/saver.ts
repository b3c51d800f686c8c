/** Saves the draft's fields as they are filled in: one request at a time, the latest words win. */

const DELAY = 600;

export class Saver {
  readonly #save: () => Promise<void>;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dirty = false;
  #running: Promise<void> | null = null;

  constructor(save: () => Promise<void>) {
    this.#save = save;
  }

  /** Something was typed. */
  touch(): void {
    this.#dirty = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), DELAY);
  }

  /** Resolves when everything typed so far has been handed in. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#running) await this.#running;
    if (!this.#dirty) return;
    this.#dirty = false;
    this.#running = this.#save().finally(() => {
      this.#running = null;
    });
    await this.#running;
  }
}
