import { CountersignError, type Gun } from '@countersign/client/tuf';
import type { Change, ChangesAsked } from '../collection/ports.js';
import { CHANGES } from './answers.js';
import type { Call, CollectionCall, HttpDeps, Route } from './route.js';

const QUERY = [
  { name: 'records', required: true, schema: { type: 'integer' } },
  { name: 'change_id', required: false, schema: { type: 'integer' } },
];

/** Records answered where a client asks for 0, and at most. */
const RECORDS = { usual: 100, most: 1_000 } as const;

/** `/v2/<gun>/_trust/changefeed`: what was published and deleted of one collection, as Notary v1 tells it. */
export function changefeedRoutes({ collections }: HttpDeps): readonly Route<CollectionCall>[] {
  return [
    {
      method: 'GET',
      pattern: /^$/u,
      path: '/v2/{gun}/_trust/changefeed',
      access: ['pull'],
      body: 'none',
      answers: CHANGES,
      query: QUERY,
      doc: 'What was published and deleted of one collection: ?records=N (below 0: backward) and ?change_id=ID.',
      handle: async ({ context, query, gun }) => answer(context, await collections.changes(readQuestion(query, gun))),
    },
  ];
}

/** `/v2/_trust/changefeed`: the same of all collections. */
export function allChangesRoute({ collections }: HttpDeps): Route<Call> {
  return {
    method: 'GET',
    pattern: /^\/v2\/_trust\/changefeed$/u,
    path: '/v2/_trust/changefeed',
    access: 'catalog',
    body: 'none',
    answers: CHANGES,
    query: QUERY,
    doc: 'What was published and deleted, of all collections: ?records=N (below 0: backward) and ?change_id=ID.',
    handle: async ({ context, query }) => answer(context, await collections.changes(readQuestion(query, undefined))),
  };
}

/**
 * Onward from `change_id`, unless that or `records` is below 0: then backward from it (from the newest, where it is not
 * above 0).
 * @throws CountersignError `usage`
 */
function readQuestion(query: string, gun: Gun | undefined): ChangesAsked {
  const parameters = new URLSearchParams(query);
  const records = integer(parameters.get('records'), 'records');
  const from = parameters.has('change_id') ? integer(parameters.get('change_id'), 'change_id') : 0;
  const limit = Math.min(records === 0 ? RECORDS.usual : Math.abs(records), RECORDS.most);
  if (records >= 0 && from >= 0) return { gun, after: from, before: undefined, limit };
  return { gun, after: undefined, before: from > 0 ? from : undefined, limit };
}

function integer(text: string | null, name: string): number {
  if (text !== null && /^[+-]?\d{1,10}$/u.test(text)) return Number(text);
  throw new CountersignError(
    'usage',
    `${name} must be a whole number, not ${JSON.stringify(text?.slice(0, 40) ?? '')}`,
    {
      next: 'Ask with ?records=100, and &change_id= the ID of the last record you have.',
    },
  );
}

function answer(context: Call['context'], changes: readonly Change[]): void {
  context.set('Cache-Control', 'no-store');
  context.body = { count: changes.length, records: changes.map(record) };
}

function record({ id, gun, version, sha256, category, createdAt }: Change): object {
  return {
    ID: String(id),
    CreatedAt: new Date(createdAt).toISOString(),
    GUN: gun,
    Version: version,
    SHA256: sha256,
    Category: category,
  };
}
