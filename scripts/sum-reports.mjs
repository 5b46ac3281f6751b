// Adds up vitest's JSON reports and ends with one plain line: `N passed, M failed`.
//
//   node scripts/sum-reports.mjs REPORT…
//
// Fails if a test failed, or if a report counts no test at all.
import { readFileSync } from 'node:fs';

const reports = process.argv.slice(2).map((path) => ({ path, ...JSON.parse(readFileSync(path, 'utf8')) }));
const sum = (count) => reports.reduce((total, report) => total + report[count], 0);

for (const { path, numPassedTests, numPendingTests } of reports) {
  const skipped = numPendingTests === 0 ? '' : `, ${numPendingTests} skipped`;
  process.stdout.write(`${path}: ${numPassedTests} passed${skipped}\n`);
}
const failed = sum('numFailedTests');
const empty = reports.filter(({ numTotalTests }) => numTotalTests === 0).map(({ path }) => path);
for (const path of empty) process.stderr.write(`${path}: no tests\n`);
process.stdout.write(`${sum('numPassedTests')} passed, ${failed} failed\n`);
process.exitCode =
  failed > 0 || reports.some(({ success }) => !success) || empty.length > 0 || reports.length === 0 ? 1 : 0;
