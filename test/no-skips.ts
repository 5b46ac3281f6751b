import type { Reporter, TestModule } from 'vitest/node';

/** A vitest reporter that fails the run if any test was skipped, and says which. */
export class NoSkips implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')].map((test) => test.fullName));
    if (skipped.length === 0) return;
    process.stderr.write(`Skipped, but every test must run here:\n${skipped.map((name) => `  ${name}\n`).join('')}`);
    process.exitCode = 1;
  }
}
