import type { Context } from 'koa';
import {
  CountersignError,
  formatInstant,
  isTopLevel,
  parseRoleName,
  parseSaneRoleName,
  parseVersion,
  TIMESTAMP,
  type FormatName,
  type RoleName,
} from '@countersign/client/tuf';
import type { PublishedBody } from '@countersign/client/wire';
import type { Served } from '../collection/service.js';
import { Budget } from './budget.js';
import { notModified } from './conditional.js';
import type { CollectionCall, HttpDeps, Route } from './route.js';
import { readUpload, type Upload } from './upload.js';

/** `/v2/<gun>/_trust/tuf/…`: metadata in the TUF 1.0 wire. The first row that matches answers. */
export function tufRoutes(deps: HttpDeps): readonly Route<CollectionCall>[] {
  const { collections } = deps;
  const budget = new Budget(deps.limits.uploads);
  return [
    {
      method: 'GET',
      pattern: /^timestamp\.json$/u,
      body: 'none',
      doc: 'The current timestamp.',
      handle: async ({ context, gun }) => serve(context, await collections.timestamp(gun)),
    },
    {
      method: 'GET',
      pattern: /^(?<version>\d+)\.(?<role>.+)\.json$/su,
      body: 'none',
      doc: 'One version of the root, the snapshot, the targets or a delegated role (a slash in its name is %2F).',
      handle: (call) => version(call, deps),
    },
    {
      method: 'GET',
      pattern: /^(?<role>.+)\.json$/su,
      body: 'none',
      doc: 'The current version of a role: what the newest timestamp leads to.',
      handle: async ({ context, gun, match }) =>
        serve(context, await collections.current(gun, roleNamed(match.groups?.['role']))),
    },
    {
      method: 'GET',
      pattern: /^(?<role>timestamp|snapshot)\.key$/u,
      body: 'none',
      doc: 'The public key this server will sign that role with (?format=tuf-1). A key nobody used yet is given again.',
      handle: async (call) =>
        sendKey(call.context, await collections.onlineKey(call.gun, onlineRole(call), formatAsked(call))),
    },
    {
      method: 'POST',
      pattern: /^(?<role>timestamp|snapshot)\.key$/u,
      body: 'none',
      doc: 'As GET, but never a key the published root names already: for a rotation.',
      handle: async (call) =>
        sendKey(call.context, await collections.nextOnlineKey(call.gun, onlineRole(call), formatAsked(call))),
    },
    {
      method: 'POST',
      pattern: /^$/u,
      body: 'upload',
      doc: 'Publishes the metadata files of a multipart form, all or none.',
      handle: (call) => receive(call, deps, budget),
    },
  ];
}

async function version({ context, gun, match }: CollectionCall, { collections }: HttpDeps): Promise<void> {
  const digits = match.groups?.['version'] ?? '';
  const role = roleNamed(match.groups?.['role']);
  const number = Number(digits);
  // One name a file: "01" is not a version, and no timestamp is ever asked for by version.
  if (String(number) !== digits || !Number.isSafeInteger(number) || number < 1 || role === TIMESTAMP)
    throw noFile(match[0]);
  serve(context, await collections.version(gun, role, parseVersion(number)));
}

async function receive(call: CollectionCall, deps: HttpDeps, budget: Budget): Promise<void> {
  const share = budget.open();
  try {
    await publish(call, deps, await readUpload(call.context.req, deps.limits, share));
  } finally {
    share.release();
  }
}

async function publish(
  { context, gun }: CollectionCall,
  { collections, log }: HttpDeps,
  upload: Upload,
): Promise<void> {
  const published = await collections.publish({ gun, ...upload });
  const body: PublishedBody = { ...published, timestampExpires: formatInstant(published.timestampExpires) };
  context.set('Cache-Control', 'no-store');
  context.body = body;
  log.info({ gun, versions: published.versions, repeated: published.repeated }, 'published');
}

function serve(context: Context, { file, immutable }: Served): void {
  if (notModified(context, file.sha256, immutable ? 'immutable' : 'current')) return;
  context.res.setHeader('Content-Type', 'application/json');
  const { bytes } = file;
  context.body = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function sendKey(context: Context, key: Uint8Array): void {
  context.set('Content-Type', 'application/json');
  context.set('Cache-Control', 'no-store');
  context.body = Buffer.from(key);
}

function roleNamed(text = ''): RoleName {
  return isTopLevel(text) ? parseRoleName(text) : parseSaneRoleName(text);
}

function onlineRole({ match }: CollectionCall): 'timestamp' | 'snapshot' {
  return match.groups?.['role'] === 'timestamp' ? 'timestamp' : 'snapshot';
}

/** What has no hint is a Notary v1 client's question, which needs Notary's answer or none. */
function formatAsked({ query }: CollectionCall): FormatName {
  if (new URLSearchParams(query).get('format') === 'tuf-1') return 'tuf-1';
  throw new CountersignError('unsupported', 'keys are only offered for TUF 1.0 yet', {
    next: 'Ask with ?format=tuf-1.',
  });
}

function noFile(name: string): CountersignError {
  return new CountersignError('not-found', `there is no ${JSON.stringify(name)}`);
}
