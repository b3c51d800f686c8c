/** Saves what is filled in as it is filled in: one request at a time, the latest words win. */

import type { FieldError } from './types.ts';

const DELAY = 600;

export type SaveState = 'saving' | 'saved' | 'refused';

export class Saver {
  /** Why the server has not kept what was handed in last; empty when it has. */
  faults: FieldError[] = [];
  readonly #save: () => Promise<FieldError[]>;
  readonly #changed: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dirty = false;
  #running: Promise<void> | null = null;

  /** `changed` is called when `state` may have changed. */
  constructor(save: () => Promise<FieldError[]>, changed: () => void) {
    this.#save = save;
    this.#changed = changed;
  }

  get state(): SaveState {
    if (this.#dirty || this.#running) return 'saving';
    return this.faults.length > 0 ? 'refused' : 'saved';
  }

  /** Something was typed. */
  touch(): void {
    this.#dirty = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.flush(), DELAY);
    this.#changed();
  }

  /** Resolves when everything typed so far has been handed in, what was refused once more. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    if (this.faults.length > 0 && !this.#dirty) {
      this.#dirty = true;
      this.#changed();
    }
    while (this.#running || this.#dirty) {
      this.#running ??= this.#handIn();
      await this.#running;
    }
  }

  /** The page is being left: nothing that waits for an answer, or for its next try, will ever run. */
  leave(): void {
    if (this.#dirty || this.#running) void this.#save();
  }

  async #handIn(): Promise<void> {
    this.#dirty = false;
    try {
      this.faults = await this.#save();
    } catch (error) {
      this.#dirty = true;
      throw error;
    } finally {
      this.#running = null;
      this.#changed();
    }
  }
}
