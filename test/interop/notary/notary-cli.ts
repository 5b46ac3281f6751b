import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Home } from './home.js';
import { programPath, run, type Outcome } from '../../support/programs.js';
import { record } from './recorder.js';
import type { TrustServer } from './trust-server.js';

const PASSPHRASE = 'a passphrase';

export interface NotaryOptions {
  /** What is typed at its prompts. */
  readonly input?: string;
  /** Another address of the trust server. */
  readonly url?: string;
  /** `user:password`, for a trust server that asks. */
  readonly login?: string;
}

/** A person with Debian's `notary`: their own trust directory, keys and cache. */
export class NotaryPerson {
  readonly home: Home;
  readonly #server: TrustServer;

  constructor(home: Home, server: TrustServer) {
    this.home = home;
    this.#server = server;
  }

  /** Runs `notary` to its end, whatever that is. Output of a failure is part of the outcome, never an exception. */
  async notary(args: readonly string[], options: NotaryOptions = {}): Promise<Outcome> {
    const where = [
      '-s',
      options.url ?? this.#server.url,
      '--tlscacert',
      this.#server.caFile,
      '-d',
      this.home.path('trust'),
    ];
    const outcome = await run(programPath('notary'), [...where, ...args], {
      env: {
        PATH: '/usr/bin:/bin',
        HOME: this.home.directory,
        ...PASSPHRASES,
        ...(options.login === undefined ? {} : { NOTARY_AUTH: Buffer.from(options.login).toString('base64') }),
      },
      cwd: this.home.directory,
      ...(options.input === undefined ? {} : { input: options.input }),
    });
    record(this.home.who, ['notary', ...args], outcome);
    return outcome;
  }

  /** Runs `notary`, which must succeed. */
  async does(...args: readonly string[]): Promise<string> {
    return succeeded(args, await this.notary(args)).stdout;
  }

  /** Runs `notary`, which must fail; returns what it said about that. */
  async fails(...args: readonly string[]): Promise<string> {
    const outcome = await this.notary(args);
    if (outcome.code === 0) throw new Error(`notary ${args.join(' ')} succeeded:\n${outcome.stdout}`);
    return fatal(outcome);
  }

  /** Names of the targets that `notary list` shows. */
  async lists(gun: string, ...options: readonly string[]): Promise<readonly string[]> {
    return table(await this.does('list', gun, ...options)).map(([name]) => name!);
  }

  /** The lines of `notary delegation list`: role, paths, key ids, threshold. */
  async delegations(gun: string): Promise<readonly (readonly string[])[]> {
    return table(await this.does('delegation', 'list', gun));
  }

  /** A file to add as a target; `content` is what is in it. */
  file(name: string, content = `content of ${name}\n`): string {
    return this.home.write(`files/${name.replaceAll(/[^\w.-]/gu, '_')}`, content);
  }

  /** The versions of the metadata in this person's cache. */
  held(gun: string): Readonly<Record<string, number>> {
    const directory = this.home.path('trust', 'tuf', gun, 'metadata');
    const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.json'),
    );
    const versionIn = (path: string): number => {
      const { signed } = JSON.parse(readFileSync(join(directory, path), 'utf8')) as { signed: { version: number } };
      return signed.version;
    };
    return Object.fromEntries(paths.map((path) => [path.slice(0, -'.json'.length), versionIn(path)]));
  }

  /** How many changes wait to be published. */
  changes(gun: string): number {
    return readdirSync(this.home.path('trust', 'tuf', gun, 'changelist')).length;
  }

  /** The files of this person's root keys. */
  rootKeys(): readonly string[] {
    const directory = this.home.path('trust', 'private');
    const paths = readdirSync(directory).map((name) => join(directory, name));
    return paths.filter((path) => readFileSync(path, 'utf8').includes('role: root'));
  }

  /** Gives somebody a copy of all this person's keys. */
  copyKeysTo(other: NotaryPerson): void {
    cpSync(this.home.path('trust', 'private'), other.home.path('trust', 'private'), { recursive: true });
  }
}

const PASSPHRASES = {
  NOTARY_ROOT_PASSPHRASE: PASSPHRASE,
  NOTARY_TARGETS_PASSPHRASE: PASSPHRASE,
  NOTARY_SNAPSHOT_PASSPHRASE: PASSPHRASE,
  NOTARY_DELEGATION_PASSPHRASE: PASSPHRASE,
};

export function succeeded(args: readonly string[], outcome: Outcome): Outcome {
  const { code, stdout, stderr } = outcome;
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${String(code)}:\n${stdout}${stderr}`);
  return outcome;
}

/** What `notary` said after `* fatal: `. */
export function fatal({ stdout, stderr }: Outcome): string {
  return /^\* fatal: (.*)$/mu.exec(stdout + stderr)?.[1] ?? stdout + stderr;
}

/** The cells of a table that `notary` prints: columns stand at least four spaces apart, a rule is under the titles. */
function table(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const rule = lines.findIndex((line) => /^-[- ]*$/u.test(line));
  return rule < 0 ? [] : lines.slice(rule + 1).map((line) => line.trim().split(/ {4,}/u));
}
