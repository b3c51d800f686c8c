/** What the plots show of a month, and how their scales say it. Knows nothing of the page or of the plots themselves. */

/** The parts that a month's shares fall into, from the foot of its bar to the top: every share is in exactly one. */
export const PARTS = ['downloaded', 'opened', 'waiting', 'unopened'] as const;
export type Part = (typeof PARTS)[number];

/** A month as the table has it. */
export interface Month {
  name: string;
  short: string;
  shares: number;
  length: number;
  opened: number;
  downloaded: number;
  unopened: number;
}

/** In the table who has downloaded has opened too, and who has not opened may still do so. */
export function partsOf(month: Month): Record<Part, number> {
  return {
    downloaded: month.downloaded,
    opened: month.opened - month.downloaded,
    waiting: month.shares - month.opened - month.unopened,
    unopened: month.unopened,
  };
}

const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const;

/** «1,5 GB», «0 byte»: SI units as the language writes them. */
export function bytesInWords(bytes: number, language: string): string {
  const power = bytes < 1000 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length - 1);
  const unit = UNITS[power] ?? 'byte';
  const unitDisplay = power === 0 ? 'long' : 'short';
  const format = new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay, maximumFractionDigits: 1 });
  return format.format(bytes / 1000 ** power);
}
