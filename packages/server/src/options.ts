import { DEFAULT_POLICY, type OnlineLifetimes } from './collection/service.js';
import { DEFAULT_HTTP_LIMITS } from './http/limits.js';

/** One option: its place in the file is its key in `OPTIONS`, with a dot for each level. */
export interface Option<T> {
  /** JSON Schema of its value. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** `undefined`: off, or another option is used instead. */
  readonly fallback: T;
  readonly doc: string;
  /** What kind of secret it leads to, and how: it never holds one itself. */
  readonly secret?: string;
}

function text<F extends string | undefined>(fallback: F, doc: string, secret?: string): Option<string | F> {
  return { schema: { type: 'string', minLength: 1 }, fallback, doc, ...(secret === undefined ? {} : { secret }) };
}

function pattern(regex: string, doc: string): Option<string | undefined> {
  return { schema: { type: 'string', minLength: 1, maxLength: 1_000, pattern: regex }, fallback: undefined, doc };
}

/** `maximum` keeps timers within what Node can wait for, 24 days. */
function count(fallback: number, minimum: number, doc: string, maximum = Number.MAX_SAFE_INTEGER): Option<number> {
  return { schema: { type: 'integer', minimum, maximum }, fallback, doc };
}

function choice<T extends string>(fallback: T, values: readonly T[], doc: string): Option<T> {
  return { schema: { enum: values }, fallback, doc };
}

function address(doc: string): Option<string | undefined> {
  return {
    schema: { type: 'string', pattern: '^(\\[[0-9a-fA-F:.]+\\]|[^:\\[\\]/ ]+):[0-9]{1,5}$' },
    fallback: undefined,
    doc,
  };
}

function flag(doc: string): Option<boolean> {
  return { schema: { type: 'boolean' }, fallback: false, doc };
}

function list(pattern: string, doc: string): Option<readonly string[]> {
  return { schema: { type: 'array', maxItems: 1_000, items: { type: 'string', pattern } }, fallback: [], doc };
}

type LifetimeOptions<At extends string> = Record<`${At}.${keyof OnlineLifetimes}`, Option<number>>;

/** How long what the server signs lasts, for the collections of one format. */
function lifetimes<At extends string>(at: At, fallback: OnlineLifetimes, where: string): LifetimeOptions<At> {
  const seconds = (name: keyof OnlineLifetimes, least: number, doc: string): object => ({
    [`${at}.${name}`]: count(fallback[name], least, `${doc} ${where}.`),
  });
  return {
    ...seconds('timestampValidity', 60, 'Seconds a timestamp is valid'),
    ...seconds('timestampSigningPeriod', 1, 'Seconds after which a timestamp is signed anew'),
    ...seconds('snapshotValidity', 60, 'Seconds a snapshot is valid'),
    ...seconds('snapshotSigningPeriod', 1, 'Seconds after which a snapshot is signed anew'),
  } as LifetimeOptions<At>;
}

const optional = undefined as string | undefined;
const MAX_TIMER = 2_000_000;

/** Every option there is, with its default and its meaning. The schema, the manual and the type are made from it. */
export const OPTIONS = {
  'listen.https': address(
    '`host:port` to serve HTTPS on; port 0 picks one. Needs `tls`. One of `listen.https` and `listen.http` must be set.',
  ),
  'listen.http': address('`host:port` to serve plain HTTP on: for loopback, or behind a proxy that speaks TLS.'),
  'listen.names': list(
    '^(\\[[0-9a-fA-F:.]+\\]|[^:\\[\\]/ ]+)$',
    'Host names, without port, that clients may ask for, beside `localhost` and loopback addresses: that of a proxy in front, say. While empty, a server beyond loopback answers to every name.',
  ),
  'listen.allowedOrigins': list(
    '^https?://[^/ A-Z]+$',
    'Origins, like `https://example.com`, whose pages may publish from a browser, and read with a token. Pages of every origin may read what everybody may.',
  ),
  'listen.pathPrefix': pattern(
    '^(/[A-Za-z0-9._~-]+)+$',
    'What comes before every path, like `/notary`, where a proxy passes it on: the ping is then `/notary/v2/`, health is `/notary/health`.',
  ),
  'tls.certificate': text(optional, 'PEM file with the server certificate and its chain. Read again when it changes.'),
  'tls.key': text(optional, 'PEM file with its private key.', 'the private key of HTTPS, in the file named'),
  gunPrefixes: list(
    '^(?:(?!\\.{1,2}/)[^/*\\s]+/)+$',
    'What names of collections must begin with, like `docker.io/team/`: one of these. Others are refused before anybody is asked who they are. While empty, every name is taken.',
  ),
  'cache.notaryCurrent': count(
    0,
    0,
    'Seconds that caches may keep the current files of Notary v1 collections without asking; Notary’s server says 300. 0: not at all, so that readers see a publish at once.',
    31_536_000,
  ),
  metrics: choice(
    'loopback',
    ['loopback', 'on', 'off'],
    'Who may read `/metrics`, without authentication: `loopback`, whoever gets there, where the server listens on loopback alone (through a proxy on this machine, whoever it lets pass); `on`, whoever gets to the server; `off`, nobody.',
  ),
  'auth.type': choice(
    'none',
    ['none', 'token'],
    'Who may do what: `none`, anybody everything; `token`, who brings a token as Docker registries take it.',
  ),
  'auth.realm': pattern(
    '^https?://[^\\s"\\\\]+$',
    'Address of the token server, where clients are sent. Must be set for `token`, unless `auth.autoredirect` is.',
  ),
  'auth.issuer': text(optional, 'What tokens must say their issuer (`iss`) is. Must be set for `token`.'),
  'auth.service': pattern(
    '^[ -~]+$',
    'What tokens must say they are for (`aud`): the name of this server at the token server. Must be set for `token`.',
  ),
  'auth.rootcertbundle': text(
    optional,
    'PEM file with the certificates whose holders issue tokens: what a key of these, or of a certificate they vouch for, has signed is believed. Must be set for `token`; read again when it changes.',
  ),
  'auth.autoredirect': flag(
    'Send clients to `https://<host>/auth/token` on the host they asked for, instead of `auth.realm`. Needs `listen.names`.',
  ),
  'database.sqlite': text(
    optional,
    'SQLite database file. Exactly one of the `database` options that name a database must be set.',
  ),
  'database.postgres': text(optional, 'PostgreSQL URL, if it holds no password.'),
  'database.postgresFile': text(
    optional,
    'File that holds the PostgreSQL URL and nothing else.',
    'a PostgreSQL URL with its password, in the file named',
  ),
  'database.postgresEnv': text(
    optional,
    'Environment variable that holds the PostgreSQL URL.',
    'a PostgreSQL URL with its password, in the environment variable named',
  ),
  'database.connections': count(8, 1, 'PostgreSQL connections for reads, and as many again for writes.', 1_000),
  'targetFiles.kept': choice(
    'directory',
    ['directory', 'database'],
    'Where uploaded target files live. Several servers sharing a database need `database`, or a shared directory.',
  ),
  'targetFiles.directory': text('targets', 'The directory, if they live in one.'),
  'signer.url': text(optional, 'Address of the signer, `https://host:port`. Must be set.'),
  'signer.ca': text(optional, "PEM file with the CA that the signer's certificate must come from. Must be set."),
  'signer.certificate': text(
    optional,
    "PEM file with this server's client certificate. Must be set; read again when it changes.",
  ),
  'signer.key': text(
    optional,
    'PEM file with its private key. Must be set.',
    'the private key the signer lets in, in the file named',
  ),
  'signer.requestBytes': count(
    8 * 1024 * 1024,
    1_024,
    'Largest request the signer takes, in bytes: its `limits.bodyBytes`. A snapshot is sent together with the one before it.',
  ),
  'signer.timeout': count(10_000, 100, 'Milliseconds to wait for the signer.', MAX_TIMER * 1_000),
  ...lifetimes('policy', DEFAULT_POLICY, 'in a TUF 1.0 collection'),
  ...lifetimes('policy.notary', DEFAULT_POLICY.byFormat['notary-1'], 'in a Notary v1 collection'),
  'policy.maxRootLifetime': count(
    DEFAULT_POLICY.maxRootLifetime,
    60,
    'Seconds from now that an uploaded root may be valid at most.',
  ),
  'policy.maxTargetsLifetime': count(
    DEFAULT_POLICY.maxTargetsLifetime,
    60,
    'Seconds from now that an uploaded targets or delegated role may be valid at most.',
  ),
  'policy.maxRoot': count(DEFAULT_POLICY.maxRoot, 1_024, 'Largest root, in bytes. Stock clients accept 512,000.'),
  'policy.maxTargets': count(
    DEFAULT_POLICY.maxTargets,
    1_024,
    'Largest targets or delegated role, in bytes. Stock clients accept 5,000,000.',
  ),
  'policy.maxSnapshot': count(
    DEFAULT_POLICY.maxSnapshot,
    1_024,
    'Largest snapshot, in bytes. Stock clients accept 2,000,000.',
  ),
  'policy.maxRoles': count(DEFAULT_POLICY.maxRoles, 1, 'Most roles in a collection.'),
  'policy.maxSnapshotRoles': count(
    DEFAULT_POLICY.maxSnapshotRoles,
    1,
    'Most roles a snapshot may ever list: once published they stay, also when nobody delegates to them any more. tuf-js reads a snapshot in quadratic time, 4,096 roles in about five seconds and 10,000 in half a minute.',
  ),
  'policy.maxMetadata': count(
    DEFAULT_POLICY.maxMetadata,
    1_024,
    'Most bytes of all targets roles of a collection together; each publish reads them all.',
  ),
  'policy.maxDelegations': count(
    DEFAULT_POLICY.maxDelegations,
    1,
    'Most delegations in a collection. A role that several others delegate to counts as often.',
  ),
  'policy.maxPatterns': count(DEFAULT_POLICY.maxPatterns, 1, 'Most path patterns in one delegation.'),
  'policy.maxPublishWork': count(
    DEFAULT_POLICY.maxPublishWork,
    1_000,
    'What checking one publish may cost, in units of about a microsecond; other requests are served meanwhile.',
  ),
  'policy.maxTargetFile': count(DEFAULT_POLICY.maxTargetFile, 1, 'Largest target file, in bytes.'),
  'policy.maxUnnamedBytes': count(
    DEFAULT_POLICY.maxUnnamedBytes,
    1,
    'Most bytes of uploaded target files in a collection that no metadata names yet.',
  ),
  'policy.targetRetention': count(
    DEFAULT_POLICY.targetRetention,
    0,
    'Seconds that a target file is kept after the last current metadata named it.',
  ),
  'policy.maxPendingKeys': count(
    DEFAULT_POLICY.maxPendingKeys,
    1,
    'Most online keys made for collections that were never published.',
  ),
  'policy.pendingKeyLifetime': count(
    DEFAULT_POLICY.pendingKeyLifetime,
    3_600,
    'Seconds that an online key somebody asked for waits to be used by a published root; then it is forgotten, and who comes later asks again.',
  ),
  'policy.publishAttempts': count(
    DEFAULT_POLICY.publishAttempts,
    1,
    'How often a publish is built anew when others commit first.',
    100,
  ),
  'limits.parts': count(DEFAULT_HTTP_LIMITS.parts, 1, 'Most metadata files in one publish.', 100_000),
  'limits.upload': count(DEFAULT_HTTP_LIMITS.upload, 1_024, 'Largest publish as a whole, in bytes.', 2 ** 31 - 1),
  'limits.uploads': count(
    DEFAULT_HTTP_LIMITS.uploads,
    1_024,
    'Most bytes of all publishes under way together, in memory for up to twice that; one more is told to come back.',
  ),
  'limits.answers': count(
    DEFAULT_HTTP_LIMITS.answers,
    1_024,
    'Most bytes of metadata files that are being sent to readers, each file counted once; one more reader is told to come back.',
  ),
  'limits.uploadTime': count(
    DEFAULT_HTTP_LIMITS.uploadTime,
    100,
    'Milliseconds the metadata of one publish may take to arrive.',
    MAX_TIMER * 1_000,
  ),
  'limits.bodyIdle': count(
    DEFAULT_HTTP_LIMITS.bodyIdle,
    100,
    'Milliseconds a client may send nothing in the middle of a body.',
    MAX_TIMER * 1_000,
  ),
  'limits.headers': count(20_000, 100, 'Milliseconds a client may take to send its headers.', MAX_TIMER * 1_000),
  'limits.request': count(
    7_200_000,
    1_000,
    'Milliseconds a client may take to send a whole request: the largest target file over a slow line.',
    MAX_TIMER * 1_000,
  ),
  'limits.connections': count(10_000, 1, 'Most connections at once, on each address.', 1_000_000),
  'jobs.renew': count(60, 1, 'Seconds between looks for timestamps and snapshots to renew.', MAX_TIMER),
  'jobs.collect': count(
    3_600,
    1,
    'Seconds between removals of target files that nothing names any more, and of keys that nobody used.',
    MAX_TIMER,
  ),
  'jobs.shutdown': count(10, 0, 'Seconds that requests in flight get to finish when the server is stopped.', 3_600),
  'log.level': choice(
    'info',
    ['debug', 'info', 'warn', 'error', 'silent'],
    'The least severe log lines to write, as JSON, to standard error.',
  ),
  insecureListenWithoutAuthentication: flag(
    'Listen beyond loopback although anybody who can reach the server may then publish new collections and fill its disk.',
  ),
} as const satisfies Readonly<Record<string, Option<unknown>>>;

type ValueOf<O> = O extends Option<infer T> ? T : never;

/** Every option's value, defaults filled in. */
export type OptionValues = { readonly [K in keyof typeof OPTIONS]: ValueOf<(typeof OPTIONS)[K]> };
