/**
 * Which of the numbers just typed belongs to which new row. The sharer must see the whole number once to check it. The
 * server gives it to the draft's author only. For others the page matches what they typed; where it cannot be told for
 * certain, the row stays masked.
 */

import type { Recipient } from './types.ts';

/** The eleven-digit numbers in a pasted text, in order, each once. Spaces inside a number are let through. */
export function personNumbersIn(pasted: string): string[] {
  const found = [...pasted.matchAll(/(?<!\d)(\d{6})[ \u00a0]?(\d{5})(?!\d)/g)].map((match) => `${match[1]}${match[2]}`);
  return [...new Set(found)];
}

export function grouped(number: string): string {
  return `${number.slice(0, 6)} ${number.slice(6)}`;
}

/** Row id -> whole number, for the rows among `added` where exactly one answer is possible. */
export function matchNumbers(pasted: string, added: Recipient[]): Map<string, string> {
  const numbers = personNumbersIn(pasted);
  const matched = new Map<string, string>();
  for (const recipient of added) {
    if (recipient.kind !== 'person') continue;
    const start = recipient.display.slice(0, 6);
    const candidates = numbers.filter((number) => number.startsWith(start));
    const rows = added.filter((other) => other.kind === 'person' && other.display.startsWith(start));
    const [only] = candidates;
    if (candidates.length === 1 && rows.length === 1 && only !== undefined) matched.set(recipient.id, only);
  }
  return matched;
}
