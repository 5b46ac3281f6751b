// Prints what the notary and docker commands answered against Countersign and against the Go server, side by side.
//
//   node scripts/compare-notary.mjs [--all] [REPORT]
//
// Without --all only what differs. REPORT (reports/interop-notary.json) is written by the suites in test/interop/notary.
import { readFileSync } from 'node:fs';

const SERVERS = ['countersign', 'go'];
const WIDTH = 76;

const all = process.argv.includes('--all');
const [path = 'reports/interop-notary.json'] = process.argv.slice(2).filter((argument) => argument !== '--all');
const table = JSON.parse(readFileSync(path, 'utf8'));
const [ours, theirs] = SERVERS.map((server) => table[server] ?? {});

process.stdout.on('error', () => process.exit()); // the reader, `head` say, has seen enough

let same = 0;
let different = 0;
for (const test of [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].sort()) {
  const pairs = paired(ours[test], theirs[test]);
  const shown = all ? pairs : pairs.filter(([a, b]) => !equal(a, b));
  different += pairs.filter(([a, b]) => !equal(a, b)).length;
  same += pairs.filter(([a, b]) => equal(a, b)).length;
  if (shown.length === 0) continue;
  print(`\n${test}`);
  for (const [a, b] of shown) printPair(a, b);
}
print(`\n${same} commands answered alike, ${different} differently`);

/**
 * Pairs what the same person was answered to the same command, the same time they gave it; one that ran only once, because
 * the runs went different ways, stands alone. Not by place: in a race the commands of two people end in any order.
 */
function paired(left = [], right = []) {
  const [a, b] = [left, right].map(
    (rows) => new Map(rows.map((row, index) => [keyOf(row, rows.slice(0, index)), row])),
  );
  return [...new Set([...a.keys(), ...b.keys()])].map((key) => [a.get(key), b.get(key)]);
}

function keyOf(row, before) {
  const times = before.filter(({ who, command }) => who === row.who && command === row.command).length;
  return JSON.stringify([row.who, row.command, times]);
}

function equal(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

function printPair(a, b) {
  const [left, right] = [a, b].map((row) => (row === undefined ? ['(did not run)'] : lines(row)));
  const { who, command } = a ?? b;
  print(
    `  ${who}$ ${command}${a !== undefined && b !== undefined && a.command !== b.command ? `   | ${b.command}` : ''}`,
  );
  if (equal(a, b)) for (const line of left) print(`      ${line}`);
  else {
    for (let index = 0; index < Math.max(left.length, right.length); index += 1)
      print(`    ${cell(left[index])} | ${cell(right[index])}`);
  }
}

function lines({ code, stdout, stderr }) {
  return [`exit ${code}`, ...stdout, ...stderr.map((line) => `! ${line}`)];
}

function cell(text = '') {
  return text.length > WIDTH ? `${text.slice(0, WIDTH - 1)}…` : text.padEnd(WIDTH);
}

function print(line) {
  process.stdout.write(`${line.trimEnd()}\n`);
}
