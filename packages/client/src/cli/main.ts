import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { CountersignError } from '../tuf/errors.js';
import { EXIT, exitCodeOf } from './terminal/exit-codes.js';
import type { CommandIo } from './terminal/io.js';
import { printable } from '../http/printable.js';
import { asRun } from './terminal/output.js';
import { Session, type Run } from './session.js';
import { explainUsage, helpCommand, IN_OUR_WORDS, verbAndArguments } from './terminal/usage.js';
import { addAdd } from './verbs/add.js';
import { addBundle } from './verbs/bundle.js';
import { addDelegation } from './verbs/delegation.js';
import { addGet } from './verbs/get.js';
import { addImport } from './verbs/import.js';
import { addInit } from './verbs/init.js';
import { addInspect } from './verbs/inspect.js';
import { addKey } from './verbs/key.js';
import { addList } from './verbs/list.js';
import { addMirror } from './verbs/mirror.js';
import { addPin } from './verbs/pin.js';
import { addPublish } from './verbs/publish.js';
import { addRemove } from './verbs/remove.js';
import { addReset } from './verbs/reset.js';
import { addRotate } from './verbs/rotate.js';
import { addSigners } from './verbs/signer.js';
import { addStatus } from './verbs/status.js';
import { addUpdateLock } from './verbs/update-lock.js';
import { addVerify } from './verbs/verify.js';

const VERBS = new Map([
  ['Publishing:', [addInit, addAdd, addRemove, addReset, addStatus, addPublish, addRotate, addImport]],
  ['Delegating:', [addDelegation, addSigners]],
  ['Reading:', [addList, addGet, addVerify, addInspect, addPin, addUpdateLock, addBundle, addMirror]],
  ['Keys:', [addKey]],
]);

/** Runs the command. Never throws; answers its exit code (`exit-codes.ts`). */
export async function main(argv: readonly string[], io: CommandIo): Promise<number> {
  try {
    await program(io).parseAsync(argv, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    return complain(error, io);
  }
}

/** The whole command line, for `main` and for the check of its manual. */
export function program(io: CommandIo): Command {
  const command = new Command('countersign')
    .description('Publishes collections of software, and fetches them so that they can be proved genuine and fresh.')
    .version(version())
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(asRun(text, io.env)),
      ...IN_OUR_WORDS,
    })
    .configureHelp({ subcommandTerm: verbAndArguments })
    .addHelpCommand(helpCommand())
    .showSuggestionAfterError()
    .exitOverride();
  const run: Run = async (options, work) => {
    const session = new Session(io, options);
    try {
      await session.checkHome();
      await work(session);
    } catch (error) {
      throw await session.explained(error);
    } finally {
      await session.close();
    }
  };
  for (const [heading, verbs] of VERBS) {
    command.commandsGroup(heading);
    for (const add of verbs) add(command, run);
  }
  explainUsage(command);
  return command;
}

function complain(error: unknown, io: CommandIo): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (io.signal?.aborted === true || isPromptAbort(error)) {
    io.stderr.write('countersign: interrupted\n');
    return EXIT.interrupted;
  }
  const known = error instanceof CountersignError ? error : systemFault(error);
  const { contradictions, found } = known.detail;
  const details = [contradictions, found].find(Array.isArray) ?? [];
  io.stderr.write(`countersign: ${printable(known.message)}\n`);
  for (const line of details) io.stderr.write(`    ${printable(String(line))}\n`);
  if (known.next !== undefined) io.stderr.write(`  → ${printable(asRun(known.next, io.env))}\n`);
  if (io.env['COUNTERSIGN_DEBUG'] !== undefined && error instanceof Error) io.stderr.write(`${chain(error)}\n`);
  return exitCodeOf(known.code);
}

/** A file system's refusal is told in its own words; anything else is our fault. */
function systemFault(error: unknown): CountersignError {
  const system = error instanceof Error && 'syscall' in error && 'code' in error;
  if (system && error.code === 'ENOENT') return new CountersignError('not-found', error.message, { cause: error });
  if (system && (error.code === 'ENOSPC' || error.code === 'EDQUOT'))
    return new CountersignError('storage-full', error.message, { cause: error });
  if (system) return new CountersignError('usage', error.message, { cause: error });
  return new CountersignError('internal', error instanceof Error ? error.message : 'something unknown went wrong', {
    cause: error,
    next: 'Run it again with COUNTERSIGN_DEBUG=1, and report what it says.',
  });
}

function isPromptAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'ExitPromptError' || error.name === 'AbortPromptError');
}

function chain(error: Error): string {
  const { cause } = error;
  return `${error.stack ?? error.message}${cause instanceof Error ? `\ncaused by ${chain(cause)}` : ''}`;
}

function version(): string {
  const { version: text } = createRequire(import.meta.url)('../../package.json') as { readonly version: string };
  return text;
}
