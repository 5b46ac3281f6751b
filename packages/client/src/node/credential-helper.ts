import type { ExecFileException } from 'node:child_process';
import type { Credentials } from '../http/token-exchange.js';
import { CountersignError } from '../tuf/errors.js';

export interface CredentialHelperOptions {
  readonly env: Readonly<Partial<Record<string, string>>>;
  /** Milliseconds. */
  readonly timeout: number;
}

const MAX_ANSWER = 64 * 1024;
/** `osxkeychain`, `ecr-login`, `desktop.exe`: never a path. */
const NAME = /^[A-Za-z0-9][\w.-]{0,63}$/u;

/**
 * What `docker-credential-<name> get` knows of a registry. It is run without a shell, told the registry on its standard input,
 * and ended after `timeout`.
 * @returns undefined where it knows nothing
 * @throws CountersignError `usage` where it does not work; nothing it wrote is in it
 */
export async function askCredentialHelper(
  name: string,
  registry: string,
  options: CredentialHelperOptions,
): Promise<Credentials | undefined> {
  if (!NAME.test(name)) throw broken(`${JSON.stringify(name.slice(0, 64))} is no name of a credential helper`);
  const program = `docker-credential-${name}`;
  const { error, output } = await run(program, registry, options);
  if (error === undefined) return read(program, output);
  if (output.includes('credentials not found')) return undefined;
  if (error.code === 'ENOENT') throw broken(`${program} is not installed`);
  throw broken(error.killed === true ? `${program} does not answer` : `${program} failed`);
}

interface Ran {
  readonly error: ExecFileException | undefined;
  readonly output: string;
}

async function run(program: string, registry: string, { env, timeout }: CredentialHelperOptions): Promise<Ran> {
  const { execFile } = await import('node:child_process');
  const limits = { timeout, killSignal: 'SIGKILL', maxBuffer: MAX_ANSWER, windowsHide: true } as const;
  return new Promise((resolve) => {
    const child = execFile(program, ['get'], { ...limits, env: { ...env } }, (error, stdout) =>
      resolve({ error: error ?? undefined, output: stdout }),
    );
    // One that ends without reading is told about by its exit.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(registry);
  });
}

function read(program: string, output: string): Credentials | undefined {
  const { Username: username, Secret: password } = Object.fromEntries(members(output));
  if (typeof username !== 'string' || typeof password !== 'string') throw broken(`${program} answers something else`);
  if (username === '<token>') return password === '' ? undefined : { identityToken: password };
  return username === '' ? undefined : { username, password };
}

/** Of what is no JSON object, none; the fault itself would quote the password. */
function members(json: string): readonly [string, unknown][] {
  try {
    return Object.entries((JSON.parse(json) ?? {}) as object);
  } catch {
    return [];
  }
}

function broken(what: string): CountersignError {
  return new CountersignError('usage', what, {
    next: 'See to "credsStore" and "credHelpers" in docker\'s config.json, or set COUNTERSIGN_TOKEN.',
  });
}
