import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Credentials } from '../http/token-exchange.js';
import { base64Decode, utf8Decode } from '../tuf/encoding.js';
import { CountersignError } from '../tuf/errors.js';
import { errorCode } from './atomic-file.js';
import { askCredentialHelper } from './credential-helper.js';

export interface DockerLoginOptions {
  /** Where `config.json` is: `DOCKER_CONFIG`, or `~/.docker`. */
  readonly directory: string;
  /** The environment for credential helpers, which are found by its `PATH`. */
  readonly env: Readonly<Partial<Record<string, string>>>;
  /** Milliseconds a credential helper may take. */
  readonly timeout?: number;
}

const MAX_CONFIG = 4 * 1024 * 1024;
const TIMEOUT = 30_000;

/**
 * The login that `docker login` left for a registry (named as `registryOf` does), looked up as docker does: in the helper for
 * that registry, else in the credentials store, else in the file itself.
 * @returns undefined where there is none
 * @throws CountersignError `usage` where the file or the helper does not work; nothing of what they hold is in it
 */
export async function dockerLogin(registry: string, options: DockerLoginOptions): Promise<Credentials | undefined> {
  const file = join(options.directory, 'config.json');
  const config = await readConfig(file);
  const helpers = entriesOf(config['credHelpers']);
  const helper = helpers.get(registry) ?? helpers.get(hostnameOf(registry)) ?? config['credsStore'];
  if (typeof helper === 'string' && helper !== '')
    return askCredentialHelper(helper, registry, { env: options.env, timeout: options.timeout ?? TIMEOUT });
  return readAuth(findAuth(entriesOf(config['auths']), registry), file);
}

async function readConfig(file: string): Promise<Readonly<Record<string, unknown>>> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return {};
    throw new CountersignError('usage', `${file} cannot be read`, { cause, next: 'Check who may read it.' });
  }
  const parsed = text.length > MAX_CONFIG ? undefined : parse(text);
  if (typeof parsed === 'object' && parsed !== null) return parsed as Readonly<Record<string, unknown>>;
  throw damaged(file);
}

/** The fault is not passed on: it quotes the text, which holds passwords. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function damaged(file: string): CountersignError {
  return new CountersignError('usage', `${file} is damaged`, { next: 'Mend it, or log in with docker again.' });
}

function entriesOf(object: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof object === 'object' && object !== null ? Object.entries(object) : []);
}

/** Under its name, or, as older versions of docker wrote it, under an address on that host. */
function findAuth(auths: ReadonlyMap<string, unknown>, registry: string): unknown {
  if (auths.has(registry)) return auths.get(registry);
  for (const [address, auth] of auths) if (hostnameOf(address) === hostnameOf(registry)) return auth;
  return undefined;
}

function hostnameOf(address: string): string {
  return address.replace(/^https?:\/\//u, '').replace(/\/.*$/su, '');
}

function readAuth(entry: unknown, file: string): Credentials | undefined {
  const { auth, username, password, identitytoken } = Object.fromEntries(entriesOf(entry));
  if (typeof identitytoken === 'string' && identitytoken !== '') return { identityToken: identitytoken };
  if (typeof auth !== 'string' || auth === '') {
    return typeof username === 'string' && username !== '' && typeof password === 'string'
      ? { username, password }
      : undefined;
  }
  const text = textOf(auth);
  const colon = text?.indexOf(':') ?? -1;
  if (text === undefined || colon < 1) throw damaged(file);
  // Docker pads with NUL.
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\u0000+$/u, '') };
}

function textOf(base64: string): string | undefined {
  const bytes = base64Decode(base64);
  try {
    return bytes === undefined ? undefined : utf8Decode(bytes);
  } catch {
    return undefined;
  }
}
