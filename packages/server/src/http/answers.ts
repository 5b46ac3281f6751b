/** What a route answers when all is well, for whoever reads `docs/openapi.json`. A refusal is the same everywhere. */
export interface Answers {
  readonly status: number;
  readonly says: string;
  readonly type: 'application/json' | 'application/octet-stream' | 'application/vnd.countersign.updates' | 'text/plain';
  /** JSON Schema of the body. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** It has an `ETag`: 304 for who has it already. */
  readonly conditional: boolean;
}

const text = { type: 'string' };
const whole = { type: 'integer', minimum: 1 };
const date = { type: 'string', format: 'date-time' };

function json(status: number, says: string, properties: object, required: readonly string[]): Answers {
  const schema = { type: 'object', properties, required };
  return { status, says, type: 'application/json', schema, conditional: false };
}

export const NOTHING: Answers = json(200, 'An empty object.', {}, []);

export const HEALTH: Answers = json(
  200,
  'The store answers. `signedUntil`: when the first current timestamp expires; left out where nothing is published.',
  { store: { enum: ['ok'] }, signer: { enum: ['ok', 'down'] }, signedUntil: date },
  ['store', 'signer'],
);

export const METRICS: Answers = {
  status: 200,
  says: 'Counters and histograms in the text format of Prometheus.',
  type: 'text/plain',
  schema: text,
  conditional: false,
};

export const NOTARY_HEALTH: Answers = json(
  200,
  'An empty object. Where something is down, 503 and its name with what is wrong.',
  {},
  [],
);

export const CHANGES: Answers = json(
  200,
  'What was published (`update`: the timestamp it made current) and deleted, oldest first.',
  {
    count: { type: 'integer', minimum: 0 },
    records: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          ID: text,
          CreatedAt: date,
          GUN: text,
          Version: { type: 'integer', minimum: 0 },
          SHA256: text,
          Category: { enum: ['update', 'deletion'] },
        },
      },
    },
  },
  ['count', 'records'],
);

export const DONE: Answers = {
  status: 200,
  says: 'Done.',
  type: 'application/octet-stream',
  schema: { type: 'string', maxLength: 0 },
  conditional: false,
};

const METADATA_SCHEMA = {
  type: 'object',
  properties: { signed: { type: 'object' }, signatures: { type: 'array', items: { type: 'object' } } },
  required: ['signed', 'signatures'],
};

export const METADATA: Answers = {
  status: 200,
  says: 'The file, byte for byte as it was signed.',
  type: 'application/json',
  schema: METADATA_SCHEMA,
  conditional: true,
};

export const UPDATES: Answers = {
  status: 200,
  says:
    'The files, in the order in which they are verified: before each a line `<role> <version> <bytes>`; behind the last ' +
    'one the line `end`, or `more` where the answer holds only the first part of a long root chain.',
  type: 'application/vnd.countersign.updates',
  schema: { type: 'string', format: 'binary' },
  conditional: true,
};

export const KEY: Answers = json(
  200,
  'The key object, as metadata lists it.',
  { keytype: text, scheme: text, keyval: { type: 'object' } },
  ['keytype', 'scheme', 'keyval'],
);

export const PUBLISHED: Answers = json(
  200,
  'Published: everybody sees it from now on. `repeated`: the same bytes had been published before.',
  {
    gun: text,
    versions: { type: 'object', additionalProperties: whole },
    timestampExpires: date,
    repeated: { type: 'boolean' },
  },
  ['gun', 'versions', 'timestampExpires', 'repeated'],
);

const FLAWED = {
  type: 'array',
  items: { type: 'object', properties: { role: text, version: whole, why: text }, required: ['role', 'why'] },
};

export const IMPORTED: Answers = json(
  200,
  'It is here. `signed-here`: this server signs from now on; `mirror`: it hands out what there is until the timestamp expires. `flawed`: delegated roles that cannot be verified. `repeated`: all of it was here before.',
  {
    gun: text,
    versions: { type: 'object', additionalProperties: whole },
    state: { enum: ['signed-here', 'mirror'] },
    timestampExpires: date,
    flawed: FLAWED,
    repeated: { type: 'boolean' },
  },
  ['gun', 'versions', 'state', 'timestampExpires', 'flawed', 'repeated'],
);

export const PAST_ADDED: Answers = json(
  200,
  '`added`: how many were not here before. `refused`: those that were left out, and why.',
  { added: { type: 'integer', minimum: 0 }, refused: FLAWED },
  ['added', 'refused'],
);

export const TARGET: Answers = {
  status: 200,
  says: 'The file.',
  type: 'application/octet-stream',
  schema: { type: 'string', format: 'binary' },
  conditional: true,
};

export const STORED: Answers = json(
  201,
  'Stored, until 30 days (policy.targetRetention) after the last metadata named it.',
  { length: { type: 'integer', minimum: 0 }, sha256: text },
  ['length', 'sha256'],
);
