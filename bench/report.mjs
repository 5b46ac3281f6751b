import { cpus } from 'node:os';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Prints a result and keeps it beside its script: machine, command, date, figures and their ratios.
 * @param {string} name
 * @param {readonly string[]} lines
 */
export function report(name, lines) {
  const [cpu] = cpus();
  const head = [
    `# ${name}`,
    `date     ${new Date().toISOString().slice(0, 10)}`,
    `command  npm run bench:${name}`,
    `machine  ${cpus().length} × ${cpu?.model.trim() ?? 'unknown'}, Node ${process.version}`,
    '',
  ];
  const text = [...head, ...lines, ''].join('\n');
  writeFileSync(fileURLToPath(new URL(`results/${name}.txt`, import.meta.url)), text);
  process.stdout.write(text);
}

/** @param {readonly number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
