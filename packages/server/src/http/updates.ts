import { createHash } from 'node:crypto';
import { CountersignError } from '@countersign/client/tuf';
import { UPDATES_TYPE, writeUpdates } from '@countersign/client/updates';
import type { HeldVersions, Updates } from '../collection/service.js';
import { UPDATES } from './answers.js';
import { notModified } from './conditional.js';
import type { CollectionCall, HttpDeps, Route } from './route.js';
import type { Sending } from './sending.js';

const VERSION = { type: 'integer', minimum: 0 };
const QUERY = (['root', 'timestamp', 'snapshot', 'targets'] as const).map((name) => ({
  name,
  required: true,
  schema: VERSION,
}));

/** `/v2/<gun>/_trust/tuf/updates`: what a client lacks, in one answer. No metadata file has that name. */
export function updatesRoute({ collections }: HttpDeps, sending: Sending): Route<CollectionCall> {
  return {
    method: 'GET',
    pattern: /^updates$/u,
    path: '/v2/{gun}/_trust/tuf/updates',
    access: ['pull'],
    body: 'none',
    answers: UPDATES,
    query: QUERY,
    doc: 'All top-level metadata that is newer than the versions a client holds (0: it holds none), in one answer.',
    handle: async ({ context, gun, query }) => {
      const updates = await collections.updates(gun, readHeld(query));
      const sha256 = nameOf(updates);
      if (notModified(context, sha256, 'current')) return;
      context.res.setHeader('Content-Type', UPDATES_TYPE);
      sending.send(context, { sha256, bytes: Buffer.concat(writeUpdates(updates)) });
    },
  };
}

/** Equal for answers with the same bytes. */
function nameOf({ files, complete }: Updates): string {
  const hash = createHash('sha256').update(complete ? 'updates' : 'more updates');
  for (const { role, version, sha256 } of files) hash.update(`\n${role} ${version} ${sha256}`);
  return hash.digest('hex');
}

/** @throws CountersignError `usage` */
function readHeld(query: string): HeldVersions {
  const parameters = new URLSearchParams(query);
  const version = (name: keyof HeldVersions): number => {
    const text = parameters.get(name) ?? '';
    if (/^\d{1,15}$/u.test(text)) return Number(text);
    throw new CountersignError('usage', `${name} must be a version, not ${JSON.stringify(text.slice(0, 40))}`, {
      next: 'Ask with ?root=, &timestamp=, &snapshot= and &targets=, and 0 for what you do not have.',
    });
  };
  return {
    root: version('root'),
    timestamp: version('timestamp'),
    snapshot: version('snapshot'),
    targets: version('targets'),
  };
}
