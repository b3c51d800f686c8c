/**
 * The fields that were changed and that the server is not known to have kept. A save sends no others: if it arrives late,
 * after a newer one, it overwrites no other field.
 */
export class Unkept<Words extends object> {
  #words: Partial<Words> = {};

  get words(): Partial<Words> {
    return { ...this.#words };
  }

  change(change: Partial<Words>): void {
    this.#words = { ...this.#words, ...change };
  }

  /** The server has kept these; what has been changed since is left. */
  kept(words: Partial<Words>): void {
    for (const name of Object.keys(words) as (keyof Words)[]) {
      if (this.#words[name] === words[name]) delete this.#words[name];
    }
  }
}
