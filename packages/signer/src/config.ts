import { dirname, resolve } from 'node:path';
import { Ajv, type ErrorObject } from 'ajv';
import { CountersignError, type FormatName } from '@countersign/client/tuf';
import type { DatabaseConfig } from './connect.js';
import { nearest } from './nearest.js';
import { OPTIONS, configSchema } from './options.js';
import type { Lifetimes } from './policy.js';

/** The signer's configuration, parsed once. File names are absolute. */
export interface Config {
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls: TlsConfig;
  readonly database: DatabaseConfig;
  readonly keks: readonly { readonly alias: string; readonly passphraseFile: string | undefined }[];
  readonly defaultKek: string;
  readonly lifetimes: Readonly<Partial<Record<FormatName, Lifetimes>>>;
  readonly limits: ConfigLimits;
  readonly log: { readonly level: string; readonly file: string | undefined };
}

export interface TlsConfig {
  readonly certificate: string;
  readonly key: string;
  readonly clientCa: string;
  readonly clients: readonly string[];
}

export interface ConfigLimits {
  readonly bodyBytes: number;
  readonly items: number;
  readonly connections: number;
  readonly requestSeconds: number;
  readonly unusedKeys: number;
  readonly keysPerMinute: number;
  readonly cachedKeys: number;
}

/** The file as written, defaults filled in: what the schema of `OPTIONS` lets through. */
interface ConfigFile {
  readonly listen: string;
  readonly tls: TlsConfig;
  readonly database: { readonly client: DatabaseConfig['client']; readonly file?: string; readonly url?: string };
  readonly keks: readonly { readonly alias: string; readonly passphraseFile?: string }[];
  readonly defaultKek?: string;
  readonly lifetimes: Readonly<Record<FormatName, LifetimeDays>>;
  readonly limits: ConfigLimits;
  readonly log: { readonly level: string; readonly file?: string };
}

interface LifetimeDays {
  readonly timestampDays: number;
  readonly snapshotDays: number;
}

const DAY = 86_400_000;

/**
 * Reads a configuration file's text.
 * @param path the file it came from: names in it count from there, and messages name it
 * @throws CountersignError `usage` naming every unknown or wrong option
 */
export function parseConfig(text: string, path: string): Config {
  const file = checked(text, path);
  try {
    return configOf(file, path);
  } catch (cause) {
    if (!(cause instanceof CountersignError)) throw cause;
    throw new CountersignError(cause.code, `${path}: ${cause.message}`);
  }
}

function configOf(file: ConfigFile, path: string): Config {
  const from = (name: string): string => resolve(dirname(path), name);
  return Object.freeze({
    listen: parseListen(file.listen),
    tls: {
      certificate: from(file.tls.certificate),
      key: from(file.tls.key),
      clientCa: from(file.tls.clientCa),
      clients: file.tls.clients,
    },
    database: databaseOf(file.database, from),
    keks: file.keks.map(({ alias, passphraseFile }) => ({
      alias,
      passphraseFile: passphraseFile && from(passphraseFile),
    })),
    defaultKek: defaultKekOf(file),
    lifetimes: { 'tuf-1': lifetimesOf(file.lifetimes['tuf-1']), 'notary-1': lifetimesOf(file.lifetimes['notary-1']) },
    limits: file.limits,
    log: { level: file.log.level, file: file.log.file && from(file.log.file) },
  });
}

function lifetimesOf({ timestampDays, snapshotDays }: LifetimeDays): Lifetimes {
  return { timestamp: timestampDays * DAY, snapshot: snapshotDays * DAY };
}

function checked(text: string, path: string): ConfigFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CountersignError('usage', `${path} is not JSON`, { cause });
  }
  const validate = new Ajv({ allErrors: true, useDefaults: true }).compile<ConfigFile>(configSchema());
  if (validate(value)) return value;
  const faults = (validate.errors ?? []).map(explain);
  throw new CountersignError('usage', `${path}: ${faults.join('; ')}`, {
    next: 'See "countersign-signer --help" for every option.',
  });
}

function explain(error: ErrorObject): string {
  const at = error.instancePath.slice(1).replaceAll('/', '.');
  const inside = (name: unknown): string => `${at === '' ? '' : `${at}.`}${String(name)}`;
  if (error.keyword === 'required') return `"${inside(error.params['missingProperty'])}" is missing`;
  if (error.keyword === 'additionalProperties') {
    const name = inside(error.params['additionalProperty']);
    const meant = nearest(
      name,
      OPTIONS.map((option) => option.name),
    );
    return `unknown option "${name}"${meant === undefined ? '' : ` (did you mean "${meant}"?)`}`;
  }
  const allowed: unknown = error.params['allowedValues'];
  const choices = Array.isArray(allowed) ? `: ${allowed.join(', ')}` : '';
  return `${at === '' ? 'it' : `"${at}"`} ${demand(error)}${choices}`;
}

const TYPES: Readonly<Record<string, string>> = {
  object: 'an object',
  array: 'a list',
  integer: 'a whole number',
  string: 'text',
  boolean: 'true or false',
};

function demand({ keyword, message, params }: ErrorObject): string {
  const type: unknown = params['type'];
  const words = keyword === 'type' && typeof type === 'string' ? TYPES[type] : undefined;
  return words === undefined ? (message ?? 'is wrong') : `must be ${words}`;
}

function parseListen(text: string): Config['listen'] {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/iu.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65_535) throw wrong(`"listen" is not host:port: ${JSON.stringify(text)}`);
  return { host, port };
}

function databaseOf({ client, file, url }: ConfigFile['database'], from: (name: string) => string): DatabaseConfig {
  if (client === 'sqlite') {
    if (file === undefined) throw wrong('"database.file" is missing');
    return { client, file: from(file) };
  }
  if (url === undefined) throw wrong('"database.url" is missing');
  return { client, url };
}

function defaultKekOf({ keks, defaultKek }: ConfigFile): string {
  const aliases = keks.map(({ alias }) => alias);
  const repeated = aliases.find((alias, index) => aliases.indexOf(alias) !== index);
  if (repeated !== undefined) throw wrong(`"keks" names ${JSON.stringify(repeated)} twice`);
  const chosen = defaultKek ?? aliases[0] ?? '';
  if (!aliases.includes(chosen)) throw wrong(`"defaultKek" is ${JSON.stringify(chosen)}, which "keks" does not name`);
  return chosen;
}

function wrong(message: string): CountersignError {
  return new CountersignError('usage', message);
}
