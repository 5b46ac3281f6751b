/** A JSON Schema fragment for one option's value. */
export type OptionSchema = Readonly<Record<string, unknown>>;

/** One line of the manual: everything there is to know about one option. */
export interface Option {
  /** Where it is in the file: `limits.items` is the member `items` of the object `limits`. */
  readonly name: string;
  readonly schema: OptionSchema;
  /** Undefined: required, unless `optional`. */
  readonly default?: string | number | readonly string[];
  readonly optional?: true;
  readonly doc: string;
  /** What kind of secret it leads to, and how. */
  readonly secret?: string;
}

const whole = (minimum: number, maximum: number): OptionSchema => ({ type: 'integer', minimum, maximum });
const text: OptionSchema = { type: 'string', minLength: 1 };
const alias: OptionSchema = { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$' };

const keks: OptionSchema = {
  type: 'array',
  minItems: 1,
  maxItems: 16,
  items: {
    type: 'object',
    required: ['alias'],
    additionalProperties: false,
    properties: { alias, passphraseFile: text },
  },
};

const names: OptionSchema = { type: 'array', maxItems: 1000, items: text };

/** Every option of `countersign-signer`. Relative file names count from the directory of the configuration file. */
export const OPTIONS: readonly Option[] = [
  {
    name: 'listen',
    schema: text,
    default: '127.0.0.1:4444',
    doc: 'Host and port to listen on; port 0 picks a free one.',
  },
  { name: 'tls.certificate', schema: text, doc: 'PEM file: the certificate chain of the signer.' },
  {
    name: 'tls.key',
    schema: text,
    doc: 'PEM file: its private key.',
    secret: 'the private key of the signer, in the file named',
  },
  {
    name: 'tls.clientCa',
    schema: text,
    doc: 'PEM file: the CA that client certificates must come from. Without one, nobody gets in.',
  },
  {
    name: 'tls.clients',
    schema: names,
    default: [],
    doc: 'Common names of the client certificates that are let in; empty lets in every one the CA made for clients.',
  },
  {
    name: 'database.client',
    schema: { enum: ['sqlite', 'postgres'] },
    default: 'sqlite',
    doc: '"sqlite" or "postgres".',
  },
  { name: 'database.file', schema: text, optional: true, doc: 'The database file, with "sqlite".' },
  {
    name: 'database.url',
    schema: text,
    optional: true,
    doc: 'postgresql://user:password@host:port/database, with "postgres".',
    secret: 'the one secret the configuration file itself may hold: then only its owner should be able to read it',
  },
  {
    name: 'keks',
    schema: keks,
    doc: 'The key-encryption keys: "alias", and "passphraseFile" (mode 0600) unless COUNTERSIGN_SIGNER_PASSPHRASE_<ALIAS> is set.',
    secret: 'passphrases, each in the file its `passphraseFile` names or in `COUNTERSIGN_SIGNER_PASSPHRASE_<ALIAS>`',
  },
  {
    name: 'defaultKek',
    schema: alias,
    optional: true,
    doc: 'The alias new keys are sealed with; the first of "keks" where left out.',
  },
  {
    name: 'lifetimes.tuf-1.timestampDays',
    schema: whole(1, 366),
    default: 15,
    doc: 'The furthest away a TUF 1.0 timestamp may expire, in days.',
  },
  {
    name: 'lifetimes.tuf-1.snapshotDays',
    schema: whole(1, 3660),
    default: 31,
    doc: 'The furthest away a TUF 1.0 snapshot may expire, in days.',
  },
  {
    name: 'lifetimes.notary-1.timestampDays',
    schema: whole(1, 366),
    default: 15,
    doc: 'The furthest away a Notary v1 timestamp may expire, in days.',
  },
  {
    name: 'lifetimes.notary-1.snapshotDays',
    schema: whole(1, 3660),
    default: 1_096,
    doc: 'The furthest away a Notary v1 snapshot may expire, in days.',
  },
  {
    name: 'limits.bodyBytes',
    schema: whole(1024, 1 << 30),
    default: 8 * 1024 * 1024,
    doc: 'The longest request body, in bytes.',
  },
  { name: 'limits.items', schema: whole(1, 1024), default: 64, doc: 'The most payloads in one request.' },
  { name: 'limits.connections', schema: whole(1, 100_000), default: 256, doc: 'The most open connections.' },
  {
    name: 'limits.requestSeconds',
    schema: whole(1, 600),
    default: 30,
    doc: 'How long a request may take to arrive, in seconds.',
  },
  {
    name: 'limits.unusedKeys',
    schema: whole(1, 1_000_000),
    default: 10_000,
    doc: 'The most keys that never signed, over all collections.',
  },
  { name: 'limits.keysPerMinute', schema: whole(1, 1_000_000), default: 600, doc: 'The most new keys a minute.' },
  {
    name: 'limits.cachedKeys',
    schema: whole(1, 1_000_000),
    default: 10_000,
    doc: 'The most opened private keys kept in memory.',
  },
  {
    name: 'log.level',
    schema: { enum: ['error', 'warn', 'info', 'debug'] },
    default: 'info',
    doc: 'What is logged; the audit log is at "info".',
  },
  {
    name: 'log.file',
    schema: text,
    optional: true,
    doc: 'Where the log is appended, JSON lines; standard error where left out.',
  },
];

/** The JSON Schema of the configuration file. */
export function configSchema(): OptionSchema {
  const root = emptyObject();
  for (const option of OPTIONS) insert(root, option);
  return root;
}

interface ObjectSchema {
  readonly type: 'object';
  readonly additionalProperties: false;
  readonly properties: Record<string, unknown>;
  readonly required: string[];
  default?: object;
}

function emptyObject(): ObjectSchema & OptionSchema {
  return { type: 'object', additionalProperties: false, properties: {}, required: [] };
}

function insert(root: ObjectSchema, option: Option): void {
  const parts = option.name.split('.');
  const last = parts.pop() ?? '';
  let at = root;
  for (const part of parts) {
    const inner = (at.properties[part] ?? { ...emptyObject(), default: {} }) as ObjectSchema;
    at.properties[part] = inner;
    at = inner;
  }
  at.properties[last] = option.default === undefined ? option.schema : { ...option.schema, default: option.default };
  if (option.default === undefined && option.optional === undefined) at.required.push(last);
}

/** The manual's text for `--help`: every option with its default. */
export function describeOptions(): string {
  return OPTIONS.map((option) => {
    const value =
      option.default === undefined ? (option.optional ? 'optional' : 'required') : JSON.stringify(option.default);
    return `  ${option.name} (${value})\n      ${option.doc}`;
  }).join('\n');
}
