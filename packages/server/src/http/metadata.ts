import type { Context } from 'koa';
import {
  CountersignError,
  isTopLevel,
  parseRoleName,
  parseSaneRoleName,
  parseVersion,
  type Gun,
  type RoleName,
} from '@countersign/client/tuf';
import type { Served } from '../collection/service.js';
import { METADATA } from './answers.js';
import { notModified, type Caching } from './conditional.js';
import type { CollectionCall, HttpDeps, Route } from './route.js';
import { Sending } from './sending.js';
import { updatesRoute } from './updates.js';

/** `/v2/<gun>/_trust/tuf/<file>`: published metadata of either format, by name, version and hash. The first row that matches answers. */
export function metadataRoutes(deps: HttpDeps): readonly Route<CollectionCall>[] {
  const { collections } = deps;
  const sending = new Sending(deps.limits.answers);
  const serveCurrent = async (context: Context, gun: Gun, served: Served): Promise<void> =>
    serve(context, served, sending, await keptCurrent(deps, gun, served));
  return [
    updatesRoute(deps, sending),
    {
      method: 'GET',
      pattern: /^timestamp\.json$/u,
      path: '/v2/{gun}/_trust/tuf/timestamp.json',
      access: ['pull'],
      body: 'none',
      answers: METADATA,
      doc: 'The current timestamp.',
      handle: async ({ context, gun }) => serveCurrent(context, gun, await collections.timestamp(gun)),
    },
    {
      method: 'GET',
      pattern: /^(?<version>\d+)\.(?<role>.+)\.json$/su,
      path: '/v2/{gun}/_trust/tuf/{version}.{role}.json',
      access: ['pull'],
      body: 'none',
      answers: METADATA,
      doc: 'One version of the root, the snapshot, the targets or a delegated role (a slash in its name is %2F).',
      handle: (call) => version(call, deps, sending),
    },
    {
      method: 'GET',
      pattern: /^(?<role>.+)\.(?<sha256>[0-9a-f]{64})\.json$/su,
      path: '/v2/{gun}/_trust/tuf/{role}.{sha256}.json',
      access: ['pull'],
      body: 'none',
      answers: METADATA,
      doc: 'One file of a role by its SHA-256, in a Notary v1 collection.',
      handle: async ({ context, gun, match }) =>
        serve(
          context,
          await collections.byHash(gun, roleNamed(match.groups?.['role']), match.groups?.['sha256'] ?? ''),
          sending,
        ),
    },
    {
      method: 'GET',
      pattern: /^(?<role>.+)\.json$/su,
      path: '/v2/{gun}/_trust/tuf/{role}.json',
      access: ['pull'],
      body: 'none',
      answers: METADATA,
      doc: 'The current version of a role: what the newest timestamp leads to.',
      handle: async ({ context, gun, match }) =>
        serveCurrent(context, gun, await collections.current(gun, roleNamed(match.groups?.['role']))),
    },
  ];
}

async function version(
  { context, gun, match }: CollectionCall,
  { collections }: HttpDeps,
  sending: Sending,
): Promise<void> {
  const digits = match.groups?.['version'] ?? '';
  const role = roleNamed(match.groups?.['role']);
  const number = Number(digits);
  // One name a file: "01" is not a version.
  if (String(number) !== digits || !Number.isSafeInteger(number) || number < 1) throw noFile(match[0]);
  serve(context, await collections.version(gun, role, parseVersion(number)), sending);
}

/** Nobody is to keep what has expired: the next answer may be another. */
async function keptCurrent({ collections, offer }: HttpDeps, gun: Gun, { expired }: Served): Promise<Caching> {
  if (offer.notaryCurrent === 0 || expired || (await collections.formatOf(gun)) !== 'notary-1') return 'current';
  return offer.notaryCurrent;
}

function serve(context: Context, { file, lasts, expired }: Served, sending: Sending, caching: Caching = lasts): void {
  // For whoever watches: the file is served all the same, and its reader will see the date.
  if (expired) context.res.setHeader('X-Countersign-Expired', encodeURIComponent(file.role));
  if (notModified(context, file.sha256, caching)) return;
  context.res.setHeader('Content-Type', 'application/json');
  sending.send(context, file);
}

function roleNamed(text = ''): RoleName {
  return isTopLevel(text) ? parseRoleName(text) : parseSaneRoleName(text);
}

function noFile(name: string): CountersignError {
  return new CountersignError('not-found', `there is no ${JSON.stringify(name)}`);
}
