/** How sizes, speeds, spans and moments are said. Sizes are SI (1 MB is a million bytes), as in the operating system's file list. */

import { counted, text } from './texts.ts';

const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;
const SPACE = '\u00a0';
const DAY = 86_400_000;
const WEEKDAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;

function decimal(value: number): string {
  const digits = value < 9.95 ? 1 : 0;
  return value.toFixed(digits).replace(/\.0$/, '').replace('.', text('decimal_mark'));
}

export function size(bytes: number): string {
  if (bytes < 1000) return counted('bytes', bytes).replace(' ', SPACE);
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${decimal(value)}${SPACE}${UNITS[unit]}`;
}

export function rate(bytesPerSecond: number): string {
  return `${size(Math.round(bytesPerSecond))}/s`;
}

/** Whole percent, never 100 before the last byte. */
export function percent(done: number, total: number): number {
  if (total === 0) return 0;
  return Math.min(100, Math.floor((done / total) * 100));
}

export function timeLeft(seconds: number): string {
  if (seconds < 10) return text('left_soon');
  if (seconds < 55) return text('left_seconds', { n: Math.ceil(seconds / 10) * 10 });
  const minutes = Math.ceil(seconds / 60 - 0.1);
  if (minutes < 60) return counted('left_minutes', minutes);
  return text('left_hours', { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/** Days from `today` to the date of `moment`, both Oslo dates; the hours of the day do not count. */
export function daysBetween(today: string, moment: string): number {
  return Math.round((dateOf(moment) - Date.parse(today)) / DAY);
}

/** The date that a moment ends: midnight belongs to the day before, as 24.00. */
function dateOf(moment: string): number {
  return Date.parse(moment.slice(0, 10)) - (isMidnight(moment) ? DAY : 0);
}

const isMidnight = (moment: string): boolean => moment.slice(11, 16) === '00:00';

/** «fredag 4. desember kl. 15.30», with the year when it is not this one. Null unless it is a real moment. */
export function momentInWords(moment: string, today: string): string | null {
  const match = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})/.exec(moment);
  if (!match) return null;
  const [, year = '', month = '', day = '', hour = '', minute = ''] = match;
  if (new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() !== Number(day)) return null;
  const date = new Date(dateOf(moment));
  const values = {
    weekday: text(WEEKDAYS[date.getUTCDay()] ?? 'sunday'),
    day: date.getUTCDate(),
    month: text(`month_${date.getUTCMonth() + 1}`),
    year: date.getUTCFullYear(),
    time: text('clock', { hour: isMidnight(moment) ? '24' : hour, minute }),
  };
  return text(String(values.year) === today.slice(0, 4) ? 'moment' : 'moment_with_year', values);
}
