import { FORGING, printable } from '../../http/printable.js';
import type { CommandIo } from './io.js';

/** What a command tells: results on stdout, everything else on stderr. */
export class Output {
  readonly #io: CommandIo;

  constructor(io: CommandIo) {
    this.#io = io;
  }

  line(text = ''): void {
    this.#io.stdout.write(`${printable(asRun(text, this.#io.env))}\n`);
  }

  /** Text of several lines that is ours or was checked, such as PEM. */
  block(text: string): void {
    this.#io.stdout.write(`${text.trimEnd()}\n`);
  }

  /** A remark that is no result. */
  note(text: string): void {
    this.#io.stderr.write(`${printable(asRun(text, this.#io.env))}\n`);
  }

  json(value: unknown): void {
    // The line breaks here are the layout's: within strings JSON escapes them itself.
    const text = JSON.stringify(value, undefined, 2).replace(FORGING, (char) => (char === '\n' ? char : escaped(char)));
    this.#io.stdout.write(`${text}\n`);
  }

  /** Columns as wide as they need to be; numbers are given as text already. */
  table(head: readonly string[], rows: readonly (readonly string[])[]): void {
    const clean = [head, ...rows].map((row) => row.map(printable));
    const widths = head.map((_, column) => Math.max(...clean.map((row) => width(row[column] ?? ''))));
    for (const row of clean) {
      const cells = row.map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)));
      this.#io.stdout.write(`${cells.join('  ').trimEnd()}\n`);
    }
  }
}

/** Commands in `text`, at its beginning or in backticks, as they run where this one does: npx finds what the shell does not. */
export function asRun(text: string, env: CommandIo['env']): string {
  if (env['npm_command'] !== 'exec') return text;
  return text.replace(/(^ *|`)countersign (?=[a-z])/gu, '$1npx countersign ');
}

/** Code points: close enough to columns for the names people use. */
function width(text: string): number {
  return Array.from(text).length;
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;

/** `512 B`, `1.2 kB`, `34 MB`: decimal units. */
export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  let unit = 'B';
  for (const next of UNITS) {
    if (value < 999.5) break;
    value /= 1000;
    unit = next;
  }
  return `${value < 9.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

const SPANS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
] as const;

/** A moment in words and as a date: `in 6 days (2030-01-31 12:00 UTC)`, `expired 2 hours ago (…)`. */
export function whenExpires(moment: number, now: number): string {
  const distance = moment - now;
  const [unit, span] = SPANS.find(([, milliseconds]) => Math.abs(distance) >= milliseconds) ?? SPANS[2];
  const words = count(Math.floor(Math.abs(distance) / span), unit);
  const date = `${new Date(moment).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  return distance > 0 ? `in ${words} (${date})` : `EXPIRED ${words} ago (${date})`;
}

/** Enough of a key id or hash to tell it from others. */
export function short(id: string): string {
  return id.slice(0, 12);
}
