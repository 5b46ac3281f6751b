import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';
import type { CommandRow } from './recorder.js';
import { chosenTrustServer } from './chosen.js';

const PATH = 'reports/interop-notary.json';

/** Of each trust server: what the commands of each test answered, in order. */
type Table = Readonly<Partial<Record<string, Readonly<Record<string, readonly CommandRow[]>>>>>;

/**
 * Writes what other people's programs answered against the chosen trust server into `reports/interop-notary.json`, beside
 * what the last run against the other one left there; `compare-notary.mjs` shows both side by side.
 */
export class CommandTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const rows = tests.flatMap((test): [string, readonly CommandRow[]][] => {
      const { commands } = test.meta();
      return commands === undefined ? [] : [[test.fullName.replace(/, against \w+ > /u, ' > '), commands]];
    });
    if (rows.length === 0) return;
    const table: Table = { ...readTable(), [chosenTrustServer()]: Object.fromEntries(rows) };
    mkdirSync(dirname(PATH), { recursive: true });
    writeFileSync(PATH, `${JSON.stringify(table, undefined, 2)}\n`);
  }
}

function readTable(): Table {
  try {
    return JSON.parse(readFileSync(PATH, 'utf8')) as Table;
  } catch {
    return {};
  }
}
