/**
 * «Statistikk»: draws the table of months as bars. The table stays the one place that has the figures, and says
 * everything by itself; the colours are the theme's, and every part of a bar has a pattern of its own too.
 */

import { BarController, BarElement, CategoryScale, Chart, LinearScale, Tooltip } from 'chart.js';
import type { ChartConfiguration, ChartDataset, TooltipItem } from 'chart.js';
import { bytesInWords, type Month, PARTS, type Part, partsOf } from './statistics-data.ts';

Chart.register(BarController, BarElement, CategoryScale, LinearScale, Tooltip);

const TILE = 8;
const language = document.documentElement.lang;
const months = [...document.querySelectorAll<HTMLTableRowElement>('#months tbody tr')].map(readMonth);

function readMonth(row: HTMLTableRowElement): Month {
  const head = row.querySelector('th');
  const number = (name: string): number => Number(row.querySelector<HTMLElement>(`[data-name='${name}']`)?.dataset['number']);
  return {
    name: head?.textContent ?? '',
    short: head?.dataset['short'] ?? '',
    shares: number('shares'),
    length: number('length'),
    opened: number('opened'),
    downloaded: number('downloaded'),
    unopened: number('unopened'),
  };
}

function colour(figure: HTMLElement, name: string): string {
  return getComputedStyle(figure).getPropertyValue(`--plot-${name}`).trim();
}

/** What a part is filled with: whole, striped, empty or dotted, so that nobody depends on its colour. */
function paint(figure: HTMLElement, part: Part): CanvasPattern | string {
  const ink = colour(figure, part);
  if (part === 'downloaded') return ink;
  const sharpness = Math.max(1, Math.round(window.devicePixelRatio));
  const tile = document.createElement('canvas');
  tile.width = tile.height = TILE * sharpness;
  const context = tile.getContext('2d');
  if (!context) return ink;
  context.scale(sharpness, sharpness);
  context.fillStyle = colour(figure, 'paper');
  context.fillRect(0, 0, TILE, TILE);
  context.fillStyle = context.strokeStyle = ink;
  if (part === 'opened') drawStripes(context);
  if (part === 'unopened') drawDots(context);
  const pattern = context.createPattern(tile, 'repeat');
  pattern?.setTransform(new DOMMatrix().scale(1 / sharpness));
  return pattern ?? ink;
}

function drawStripes(context: CanvasRenderingContext2D): void {
  context.lineWidth = 3;
  context.beginPath();
  for (const start of [-TILE, 0, TILE]) {
    context.moveTo(start - 1, TILE + 1);
    context.lineTo(start + TILE + 1, -1);
  }
  context.stroke();
}

function drawDots(context: CanvasRenderingContext2D): void {
  for (const [x, y] of [[2, 2], [6, 6]] as const) {
    context.beginPath();
    context.arc(x, y, 1.75, 0, 2 * Math.PI);
    context.fill();
  }
}

function drawSwatch(figure: HTMLElement, item: HTMLElement): void {
  const part = item.dataset['part'] as Part;
  const swatch = item.querySelector('canvas');
  const context = swatch?.getContext('2d');
  if (!swatch || !context) return;
  const sharpness = Math.max(1, window.devicePixelRatio);
  const side = swatch.clientWidth;
  swatch.width = swatch.height = side * sharpness;
  context.scale(sharpness, sharpness);
  context.fillStyle = paint(figure, part);
  context.fillRect(0, 0, side, side);
  context.strokeStyle = colour(figure, part);
  context.lineWidth = 2;
  context.strokeRect(1, 1, side - 2, side - 2);
}

function bars(figure: HTMLElement, part: Part, label: string, data: number[]): ChartDataset<'bar'> {
  return {
    label,
    data,
    backgroundColor: paint(figure, part),
    borderColor: colour(figure, part),
    borderWidth: 1,
    borderSkipped: false,
    maxBarThickness: 48,
  };
}

function datasets(figure: HTMLElement): ChartDataset<'bar'>[] {
  if (figure.dataset['plot'] === 'size') return [bars(figure, 'downloaded', '', months.map((month) => month.length))];
  return PARTS.map((part) => {
    const label = figure.querySelector(`[data-part='${part}'] span`)?.textContent ?? '';
    return bars(figure, part, label, months.map((month) => partsOf(month)[part]));
  });
}

function inWords(figure: HTMLElement, value: number): string {
  return figure.dataset['plot'] === 'size' ? bytesInWords(value, language) : new Intl.NumberFormat(language).format(value);
}

function options(figure: HTMLElement): ChartConfiguration<'bar'>['options'] {
  const ink = colour(figure, 'ink');
  const style = getComputedStyle(figure);
  const font = { family: style.fontFamily, size: Math.round(parseFloat(style.fontSize) * 0.8) };
  const line = { color: colour(figure, 'grid') };
  return {
    animation: false,
    maintainAspectRatio: false,
    font,
    interaction: { mode: 'index', intersect: false },
    scales: {
      x: { stacked: true, grid: { display: false }, border: line, ticks: { color: ink, font, maxRotation: 0, autoSkipPadding: 12 } },
      y: {
        stacked: true,
        beginAtZero: true,
        grid: line,
        border: { display: false },
        // As wide in both plots, so that their months stand above each other.
        afterFit: (axis) => {
          axis.width = Math.max(axis.width, 4.5 * font.size);
        },
        ticks: { color: ink, font, precision: 0, maxTicksLimit: 6, callback: (value) => inWords(figure, Number(value)) },
      },
    },
    plugins: {
      tooltip: {
        bodyFont: font,
        titleFont: font,
        callbacks: {
          title: ([item]: TooltipItem<'bar'>[]) => months[item?.dataIndex ?? 0]?.name ?? '',
          label: (item: TooltipItem<'bar'>) =>
            [item.dataset.label, inWords(figure, item.parsed.y ?? 0)].filter(Boolean).join(': '),
        },
      },
    },
  };
}

function drawSwatches(figure: HTMLElement): void {
  for (const item of figure.querySelectorAll<HTMLElement>('[data-part]')) drawSwatch(figure, item);
}

function draw(figure: HTMLElement): Chart<'bar'> | null {
  const canvas = figure.querySelector<HTMLCanvasElement>('.plot-area canvas');
  if (!canvas) return null;
  figure.hidden = false;
  drawSwatches(figure);
  const labels = months.map((month) => month.short);
  return new Chart(canvas, { type: 'bar', data: { labels, datasets: datasets(figure) }, options: options(figure) ?? {} });
}

function redraw(figure: HTMLElement, chart: Chart<'bar'>): void {
  chart.data.datasets = datasets(figure);
  chart.options = options(figure) ?? {};
  chart.update('none');
  drawSwatches(figure);
}

async function start(): Promise<void> {
  await document.fonts.ready;
  for (const figure of document.querySelectorAll<HTMLElement>('figure[data-plot]')) {
    const chart = draw(figure);
    if (!chart) continue;
    for (const wish of ['(prefers-color-scheme: dark)', '(forced-colors: active)']) {
      window.matchMedia(wish).addEventListener('change', () => redraw(figure, chart));
    }
  }
}

void start();
