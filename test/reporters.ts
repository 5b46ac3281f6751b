import type { Reporter, TestModule } from 'vitest/node';

type Suite = 'unit' | 'long' | 'interop' | 'interop-go' | 'runtimes';
type Reporters = (Reporter | 'default' | ['json', { outputFile: string }])[];

/** How a suite reports: in CI also to `reports/<suite>.json`, which `scripts/sum-reports.mjs` adds up. */
export function reporters(suite: Suite): Reporters {
  if (process.env['CI'] !== 'true') return ['default'];
  const inCi: Reporters = ['default', ['json', { outputFile: `reports/${suite}.json` }]];
  return suite.startsWith('interop') || suite === 'runtimes' ? [...inCi, new NoSkips()] : inCi;
}

/** Fails the run if any test was skipped, and says which: a test beside another program that did not run has proved nothing. */
class NoSkips implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')].map((test) => test.fullName));
    if (skipped.length === 0) return;
    process.stderr.write(`Skipped, but every test must run here:\n${skipped.map((name) => `  ${name}\n`).join('')}`);
    process.exitCode = 1;
  }
}
