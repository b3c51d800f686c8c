/** What the form of a share takes from its account: limits always, proposals where the person has chosen nothing. */

import type { ShareAccount } from './types.ts';

export interface Chosen {
  end: boolean;
  confidential: boolean;
  notify: boolean;
}

export interface Taken {
  /** The first and the last date that may be chosen: «2026-12-24». */
  first: string;
  last: string;
  /** Null where the person's own choice stays. */
  end: string | null;
  confidential: boolean | null;
  notify: boolean | null;
}

export function takenFrom(account: ShareAccount, chosen: Chosen): Taken {
  return {
    first: account.earliest.slice(0, 10),
    last: account.latest.slice(0, 10),
    end: chosen.end ? null : account.default_expires_at,
    confidential: chosen.confidential ? null : account.confidential,
    notify: chosen.notify ? null : account.notify,
  };
}
