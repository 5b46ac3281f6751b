import type { Context } from 'koa';
import {
  CountersignError,
  detectFormat,
  formatInstant,
  formatNamed,
  isTopLevel,
  parseRoleName,
  parseSaneRoleName,
  parseVersion,
  ROOT,
  type FormatName,
  type RoleName,
} from '@countersign/client/tuf';
import type { PublishedBody } from '@countersign/client/wire';
import type { Served } from '../collection/service.js';
import { DONE, KEY, METADATA, PUBLISHED } from './answers.js';
import { Budget } from './budget.js';
import { notModified } from './conditional.js';
import type { CollectionCall, HttpDeps, Route } from './route.js';
import { Sending } from './sending.js';
import { readUpload, type Upload } from './upload.js';

const FORMAT = [{ name: 'format', required: false, schema: { enum: ['tuf-1', 'notary-1'] } }];

/** `/v2/<gun>/_trust/tuf/…`: metadata, of either format. The first row that matches answers. */
export function tufRoutes(deps: HttpDeps): readonly Route<CollectionCall>[] {
  const { collections } = deps;
  const budget = new Budget(deps.limits.uploads);
  const sending = new Sending(deps.limits.answers);
  return [
    {
      method: 'GET',
      pattern: /^timestamp\.json$/u,
      path: '/v2/{gun}/_trust/tuf/timestamp.json',
      access: ['pull'],
      body: 'none',
      answers: METADATA,
      doc: 'The current timestamp.',
      handle: async ({ context, gun }) => serve(context, await collections.timestamp(gun), sending),
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
        serve(context, await collections.current(gun, roleNamed(match.groups?.['role'])), sending),
    },
    {
      method: 'GET',
      pattern: /^(?<role>timestamp|snapshot)\.key$/u,
      path: '/v2/{gun}/_trust/tuf/{online}.key',
      access: ['push', 'pull'],
      body: 'none',
      answers: KEY,
      query: FORMAT,
      doc: 'The public key this server will sign that role with; before the first publish, ?format=tuf-1 asks for one that TUF 1.0 clients read. A key nobody used yet is given again.',
      handle: async (call) =>
        sendKey(call.context, await collections.onlineKey(call.gun, onlineRole(call), formatAsked(call))),
    },
    {
      method: 'POST',
      pattern: /^(?<role>timestamp|snapshot)\.key$/u,
      path: '/v2/{gun}/_trust/tuf/{online}.key',
      access: ['*'],
      body: 'none',
      answers: KEY,
      query: FORMAT,
      doc: 'As GET, but never a key the published root names already: for a rotation.',
      handle: async (call) =>
        sendKey(call.context, await collections.nextOnlineKey(call.gun, onlineRole(call), formatAsked(call))),
    },
    {
      method: 'DELETE',
      pattern: /^$/u,
      access: ['*'],
      path: '/v2/{gun}/_trust/tuf/',
      body: 'none',
      answers: DONE,
      doc: 'Deletes everything published of the collection; no error where there is nothing.',
      handle: async ({ context, gun, by }) => {
        await collections.remove(gun);
        deps.log.info({ gun, by }, 'deleted');
        answerEmpty(context);
      },
    },
    {
      method: 'POST',
      pattern: /^$/u,
      path: '/v2/{gun}/_trust/tuf/',
      access: ['push', 'pull'],
      body: 'upload',
      answers: PUBLISHED,
      doc: 'Publishes the metadata files of a multipart form, all or none.',
      handle: (call) => receive(call, deps, budget),
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

async function receive(call: CollectionCall, deps: HttpDeps, budget: Budget): Promise<void> {
  const share = budget.open();
  try {
    const upload = await readUpload(call.context.req, deps.limits, share);
    call.context.state['format'] = formatSent(upload);
    await publish(call, deps, upload);
  } finally {
    share.release();
  }
}

async function publish(
  { context, gun, by }: CollectionCall,
  { collections, log }: HttpDeps,
  upload: Upload,
): Promise<void> {
  const published = await collections.publish({ gun, ...upload });
  const { format, versions, repeated } = published;
  log.info({ gun, versions, repeated, by }, 'published');
  if (format === 'notary-1') {
    answerEmpty(context);
    return;
  }
  const timestampExpires = formatInstant(published.timestampExpires);
  const body: PublishedBody = { gun, versions, timestampExpires, repeated };
  context.set('Cache-Control', 'no-store');
  context.body = body;
}

/** Success as Notary's clients know it: exactly 200, and nothing else. */
function answerEmpty(context: Context): void {
  context.set('Cache-Control', 'no-store');
  context.status = 200;
  context.body = Buffer.alloc(0);
  context.remove('Content-Type');
}

/** What a first root in the upload says of its publisher; whether it is one that may be published is not asked here. */
function formatSent({ files }: Upload): FormatName | undefined {
  const root = files.find(({ role }) => role === ROOT);
  try {
    return root === undefined ? undefined : detectFormat(root.bytes).name;
  } catch {
    return undefined;
  }
}

function serve(context: Context, { file, lasts, expired }: Served, sending: Sending): void {
  // For whoever watches: the file is served all the same, and its reader will see the date.
  if (expired) context.res.setHeader('X-Countersign-Expired', encodeURIComponent(file.role));
  if (notModified(context, file.sha256, lasts)) return;
  context.res.setHeader('Content-Type', 'application/json');
  sending.send(context, file);
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

/** Before a first root, what has no hint is a Notary v1 client's question. @throws CountersignError `unsupported` */
function formatAsked({ query }: CollectionCall): FormatName {
  return formatNamed(new URLSearchParams(query).get('format') ?? 'notary-1').name;
}

function noFile(name: string): CountersignError {
  return new CountersignError('not-found', `there is no ${JSON.stringify(name)}`);
}
