import { afterEach, beforeEach } from 'vitest';
import { normalised } from './normalise.js';
import type { Outcome } from '../../support/programs.js';

/** A command as the table shows it: nothing in it differs between two runs against equal servers. */
export interface CommandRow {
  readonly who: string;
  readonly command: string;
  readonly code: number | null;
  readonly stdout: readonly string[];
  readonly stderr: readonly string[];
}

declare module 'vitest' {
  interface TaskMeta {
    /** What other people's programs were told in this test, and what they answered. */
    commands?: readonly CommandRow[];
  }
}

let rows: CommandRow[] = [];

/** Keeps what a program answered, for the table that `CommandTable` writes. */
export function record(who: string, argv: readonly string[], outcome: Outcome): void {
  const { code, stdout, stderr } = outcome;
  const command = normalised(argv.join(' ')).join(' ');
  rows.push({ who, command, code, stdout: normalised(stdout), stderr: normalised(stderr) });
}

/** Attaches to every test of this file the commands that ran in it. */
export function recordCommands(): void {
  beforeEach(() => {
    rows = [];
  });
  afterEach(({ task }) => {
    task.meta.commands = rows;
  });
}
