import type { Context } from 'koa';
import { formatInstant } from '@countersign/client/tuf';
import type { FlawedBody, ImportedBody, PastBody } from '@countersign/client/wire';
import type { Flawed } from '../collection/service.js';
import { IMPORTED, PAST_ADDED } from './answers.js';
import type { Budget } from './budget.js';
import { readImport, readPast } from './import-form.js';
import type { CollectionCall, HttpDeps, Route } from './route.js';

/** `/v2/<gun>/_trust/import`: a collection comes over from another server. */
export function importRoutes(deps: HttpDeps, budget: Budget): readonly Route<CollectionCall>[] {
  const { collections, limits, log } = deps;
  return [
    {
      method: 'POST',
      pattern: /^$/u,
      path: '/v2/{gun}/_trust/import',
      access: ['push', 'pull'],
      body: 'import',
      answers: IMPORTED,
      doc: 'Takes over a collection of another server: its root chain and what is current, and the root that follows here.',
      handle: ({ context, gun, by }) =>
        budget.within(async (share) => {
          const sent = await readImport(context.req, limits, share);
          const taken = await collections.takeOver({ gun, ...sent, adoptedKeys: [], changefeed: 'line' });
          const { versions, state, repeated } = taken;
          log.info({ gun, versions, state, repeated, by }, 'imported');
          const timestampExpires = formatInstant(taken.timestampExpires);
          const flawed = taken.flawed.map(described);
          answer(context, { gun, versions, state, timestampExpires, flawed, repeated } satisfies ImportedBody);
        }),
    },
    {
      method: 'POST',
      pattern: /^past$/u,
      path: '/v2/{gun}/_trust/import/past',
      access: ['push', 'pull'],
      body: 'past',
      answers: PAST_ADDED,
      doc: 'Adds earlier versions to a collection that came from another server, each verified.',
      handle: ({ context, gun, by }) =>
        budget.within(async (share) => {
          const files = await readPast(context.req, limits, share);
          const { added, refused } = await collections.addPast({ gun, files });
          log.info({ gun, added, refused: refused.length, by }, 'imported earlier versions');
          answer(context, { added, refused: refused.map(described) } satisfies PastBody);
        }),
    },
  ];
}

function described({ role, version, why }: Flawed): FlawedBody {
  return { role, ...(version === undefined ? {} : { version }), why: why.message };
}

function answer(context: Context, body: ImportedBody | PastBody): void {
  context.set('Cache-Control', 'no-store');
  context.body = body;
}
