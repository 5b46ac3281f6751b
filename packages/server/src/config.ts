import { dirname, resolve } from 'node:path';
import { readFile } from 'node:fs/promises';
import { CountersignError } from '@countersign/client/tuf';
import type { OnlineLifetimes, Policy } from './collection/service.js';
import { readAuth, type TokenConfig } from './auth/config.js';
import { DEFAULT_HTTP_LIMITS, type HttpLimits } from './http/limits.js';
import type { Offer } from './http/offer.js';
import { readListen, type ListenConfig } from './listen-config.js';
import { missing, readValues, required, wrong } from './option-values.js';
import type { OptionValues } from './options.js';
import { REQUEST_OVERHEAD, type SignerConfig } from './signer.js';
import type { DatabaseConfig, TargetFilesConfig } from './store/index.js';

/** Everything the server is told from outside, checked. Times are in milliseconds. */
export interface Config extends ListenConfig {
  /** undefined: anybody may do everything. */
  readonly auth: TokenConfig | undefined;
  readonly database: DatabaseConfig;
  readonly targetFiles: TargetFilesConfig;
  readonly signer: SignerConfig;
  readonly policy: Policy;
  readonly limits: HttpLimits;
  readonly offer: Offer;
  readonly connections: ConnectionLimits;
  readonly jobs: { readonly renew: number; readonly collect: number };
  readonly shutdown: number;
  readonly logLevel: OptionValues['log.level'];
}

/** Milliseconds, and a count. */
export interface ConnectionLimits {
  readonly headers: number;
  readonly request: number;
  readonly connections: number;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** @throws CountersignError `usage` naming every option that is unknown or wrong */
export async function loadConfig(file: string, environment: Environment): Promise<Config> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    const why = cause instanceof SyntaxError ? `is not JSON: ${cause.message}` : `cannot be read${reason(cause)}`;
    throw new CountersignError('usage', `the configuration file ${file} ${why}`, { cause });
  }
  try {
    return await readConfig(parsed, { directory: dirname(resolve(file)), environment });
  } catch (cause) {
    if (!(cause instanceof CountersignError)) throw cause;
    const { code, message, next } = cause;
    throw new CountersignError(code, `${file}: ${message}`, { cause, ...(next === undefined ? {} : { next }) });
  }
}

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return ': there is no such file';
  if (code === 'EISDIR') return ': it is a directory';
  return code === 'EACCES' ? ': that is not permitted' : '';
}

/**
 * Checks a configuration as its file holds it. `directory` is what relative file names are relative to.
 * @throws CountersignError `usage` naming every option that is unknown or wrong
 */
export async function readConfig(
  document: unknown,
  { directory, environment }: { readonly directory: string; readonly environment: Environment },
): Promise<Config> {
  const values = readValues(document);
  const file = (name: string): string => resolve(directory, name);
  const database = await readDatabase(values, file, environment);
  const config: Config = {
    ...readListen(values, file),
    auth: readAuth(values, file),
    database,
    targetFiles:
      values['targetFiles.kept'] === 'database'
        ? { kind: 'database', database }
        : { kind: 'directory', directory: file(values['targetFiles.directory']) },
    signer: {
      url: required(values, 'signer.url'),
      ca: file(required(values, 'signer.ca')),
      certificate: file(required(values, 'signer.certificate')),
      key: file(required(values, 'signer.key')),
      timeout: values['signer.timeout'],
      requestBytes: values['signer.requestBytes'],
    },
    policy: readPolicy(values),
    limits: readLimits(values),
    offer: {
      pathPrefix: values['listen.pathPrefix'] ?? '',
      gunPrefixes: values.gunPrefixes,
      notaryCurrent: values['cache.notaryCurrent'],
    },
    connections: {
      headers: values['limits.headers'],
      request: values['limits.request'],
      connections: values['limits.connections'],
    },
    jobs: { renew: values['jobs.renew'] * 1_000, collect: values['jobs.collect'] * 1_000 },
    shutdown: values['jobs.shutdown'] * 1_000,
    logLevel: values['log.level'],
  };
  if (!config.signer.url.startsWith('https://')) throw wrong('signer.url must begin with https://');
  checkSnapshotFits(config);
  return config;
}

/** Two snapshots in Base64 go to the signer in one request; one that does not fit would stop every publish and renewal. */
function checkSnapshotFits({ policy, signer }: Config): void {
  const needed = Math.ceil((2 * policy.maxSnapshot * 4) / 3) + REQUEST_OVERHEAD;
  if (needed <= signer.requestBytes) return;
  throw wrong(
    `policy.maxSnapshot is too large: the signer takes ${signer.requestBytes} bytes (signer.requestBytes), and two such snapshots need ${needed}`,
  );
}

async function readDatabase(
  values: OptionValues,
  file: (name: string) => string,
  environment: Environment,
): Promise<DatabaseConfig> {
  const names = ['database.sqlite', 'database.postgres', 'database.postgresFile', 'database.postgresEnv'] as const;
  const [name, second] = names.filter((one) => values[one] !== undefined);
  if (name === undefined || second !== undefined) throw wrong(`exactly one of ${names.join(', ')} must be set`);
  const value = required(values, name);
  if (name === 'database.sqlite') return { client: 'sqlite', file: file(value) };
  const postgres = (url: string): DatabaseConfig => ({
    client: 'postgres',
    url,
    connections: values['database.connections'],
  });
  if (name === 'database.postgres') return postgres(value);
  if (name === 'database.postgresEnv')
    return postgres(environment[value] ?? missing(`the environment variable ${value}`));
  const content = await readFile(file(value), 'utf8').catch((cause: unknown) =>
    missing(`the file ${file(value)}`, cause),
  );
  return postgres(content.trim());
}

function readLimits(values: OptionValues): HttpLimits {
  const limits: HttpLimits = {
    ...DEFAULT_HTTP_LIMITS,
    part: Math.max(values['policy.maxRoot'], values['policy.maxTargets'], values['policy.maxSnapshot']),
    target: values['policy.maxTargetFile'],
    targetTime: values['limits.request'],
    parts: values['limits.parts'],
    upload: values['limits.upload'],
    uploads: values['limits.uploads'],
    answers: values['limits.answers'],
    uploadTime: values['limits.uploadTime'],
    bodyIdle: values['limits.bodyIdle'],
  };
  if (limits.uploads < limits.upload) {
    throw wrong('limits.uploads must be at least limits.upload, or the largest publish could never be received');
  }
  if (limits.answers < limits.part) {
    throw wrong('limits.answers must be at least the largest metadata file, or that one could never be read');
  }
  return limits;
}

function readPolicy(values: OptionValues): Policy {
  return {
    ...readLifetimes(values, 'policy'),
    byFormat: { 'notary-1': readLifetimes(values, 'policy.notary') },
    maxRootLifetime: values['policy.maxRootLifetime'],
    maxTargetsLifetime: values['policy.maxTargetsLifetime'],
    maxRoot: values['policy.maxRoot'],
    maxTargets: values['policy.maxTargets'],
    maxSnapshot: values['policy.maxSnapshot'],
    maxRoles: values['policy.maxRoles'],
    maxSnapshotRoles: values['policy.maxSnapshotRoles'],
    maxMetadata: values['policy.maxMetadata'],
    maxDelegations: values['policy.maxDelegations'],
    maxPatterns: values['policy.maxPatterns'],
    maxPublishWork: values['policy.maxPublishWork'],
    maxTargetFile: values['policy.maxTargetFile'],
    maxUnnamedBytes: values['policy.maxUnnamedBytes'],
    targetRetention: values['policy.targetRetention'],
    maxPendingKeys: values['policy.maxPendingKeys'],
    pendingKeyLifetime: values['policy.pendingKeyLifetime'],
    publishAttempts: values['policy.publishAttempts'],
  };
}

function readLifetimes(values: OptionValues, at: 'policy' | 'policy.notary'): OnlineLifetimes {
  const lifetimes = {
    timestampValidity: values[`${at}.timestampValidity`],
    timestampSigningPeriod: values[`${at}.timestampSigningPeriod`],
    snapshotValidity: values[`${at}.snapshotValidity`],
    snapshotSigningPeriod: values[`${at}.snapshotSigningPeriod`],
  };
  for (const role of ['timestamp', 'snapshot'] as const) {
    if (lifetimes[`${role}SigningPeriod`] >= lifetimes[`${role}Validity`]) {
      throw wrong(
        `${at}.${role}SigningPeriod must be shorter than ${at}.${role}Validity, or it expires before it is renewed`,
      );
    }
  }
  return lifetimes;
}
