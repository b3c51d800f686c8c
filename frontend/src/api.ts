/**
 * Calls to the server's JSON. A call does not give up: it waits for the network, and for a new login when the
 * old one has run out, then goes on with what it was about to do. Only an answer that says no is an error.
 */

import type { FieldError } from './types.ts';

export type Obstacle = 'none' | 'offline' | 'logged-out' | 'someone-else';

const DELAYS = [1000, 2000, 5000, 10_000, 15_000];
const UNAVAILABLE = new Set([429, 502, 503, 504]);
const LOGIN_CHECK_INTERVAL = 5000;
/** Characters. Browsers let 64 KiB outlive a page, all its requests together. */
const OUTLIVES_PAGE = 12_000;

export class Refused extends Error {
  readonly status: number;
  readonly errors: FieldError[];

  constructor(status: number, errors: FieldError[]) {
    super(`The server answered ${status}`);
    this.status = status;
    this.errors = errors;
  }
}

const pause = (milliseconds: number): Promise<void> => new Promise((done) => setTimeout(done, milliseconds));

/** What is the same in the tokens of all sessions of one person, and in no other's. */
const whose = (token: string): string => token.slice(token.lastIndexOf('.') + 1);

/** An answer that breaks off, or that something on the way gives in the server's place, is none. */
async function whole(response: Response): Promise<Response> {
  if (response.ok && response.status !== 204) await response.clone().json();
  return response;
}

async function errorsOf(response: Response): Promise<FieldError[]> {
  try {
    const body = (await response.json()) as { errors?: FieldError[] };
    return body.errors ?? [];
  } catch {
    return [];
  }
}

export class Api {
  #token: string;
  #login: Promise<void> | null = null;
  readonly #obstacle: (obstacle: Obstacle) => void;

  constructor(token: string, obstacle: (obstacle: Obstacle) => void) {
    this.#token = token;
    this.#obstacle = obstacle;
  }

  get token(): string {
    return this.#token;
  }

  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    let tokenRenewed = false;
    for (let attempt = 0; ; attempt += 1) {
      const response = await this.#send(method, path, body);
      if (response?.ok) return this.#result<T>(response);
      if (response === null || UNAVAILABLE.has(response.status)) {
        this.#obstacle('offline');
        await pause(DELAYS[Math.min(attempt, DELAYS.length - 1)] ?? 15_000);
      } else if (response.status === 401) {
        await this.#waitForLogin();
      } else if (response.status === 403 && !tokenRenewed) {
        tokenRenewed = true;
        await this.#renewToken();
      } else {
        this.#obstacle('none');
        throw new Refused(response.status, await errorsOf(response));
      }
    }
  }

  async #result<T>(response: Response): Promise<T> {
    this.#obstacle('none');
    return (response.status === 204 ? undefined : await response.json()) as T;
  }

  async #send(method: string, path: string, body: unknown): Promise<Response | null> {
    const headers: Record<string, string> = { Accept: 'application/json', 'X-CSRF-Token': this.#token };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const init: RequestInit = { method, headers, redirect: 'error', cache: 'no-store' };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.keepalive = init.body.length <= OUTLIVES_PAGE;
    }
    return fetch(path, init).then(whole).catch(() => null);
  }

  /** The person logs in again in another tab; this one notices when it is looked at, and now and then. */
  #waitForLogin(): Promise<void> {
    this.#login ??= this.#watchLogin().finally(() => {
      this.#login = null;
    });
    return this.#login;
  }

  async #watchLogin(): Promise<void> {
    this.#obstacle('logged-out');
    while (!(await this.#renewToken())) {
      await new Promise<void>((done) => {
        const timer = setTimeout(done, LOGIN_CHECK_INTERVAL);
        window.addEventListener(
          'focus',
          () => {
            clearTimeout(timer);
            done();
          },
          { once: true },
        );
      });
    }
    this.#obstacle('none');
  }

  async #renewToken(): Promise<boolean> {
    const response = await this.#send('GET', '/del/csrf', undefined);
    if (!response?.ok) return false;
    const { csrf_token } = (await response.json()) as { csrf_token: string };
    if (whose(csrf_token) !== whose(this.#token)) {
      // Another person has logged in here since: what the first one wrote is neither sent for them nor left to read.
      this.#obstacle('someone-else');
      window.location.reload();
      return new Promise<never>(() => undefined);
    }
    this.#token = csrf_token;
    return true;
  }
}
