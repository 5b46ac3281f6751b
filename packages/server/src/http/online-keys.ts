import type { Context } from 'koa';
import { formatNamed, type FormatName } from '@countersign/client/tuf';
import { KEY } from './answers.js';
import type { CollectionCall, HttpDeps, Route } from './route.js';

const FORMAT = [{ name: 'format', required: false, schema: { enum: ['tuf-1', 'notary-1'] } }];

/** `/v2/<gun>/_trust/tuf/<role>.key`: the keys that a publisher is to list for the roles this server signs. */
export function onlineKeyRoutes({ collections }: HttpDeps): readonly Route<CollectionCall>[] {
  return [
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
  ];
}

function sendKey(context: Context, key: Uint8Array): void {
  context.set('Content-Type', 'application/json');
  context.set('Cache-Control', 'no-store');
  context.body = Buffer.from(key);
}

function onlineRole({ match }: CollectionCall): 'timestamp' | 'snapshot' {
  return match.groups?.['role'] === 'timestamp' ? 'timestamp' : 'snapshot';
}

/** Before a first root, what has no hint is a Notary v1 client's question. @throws CountersignError `unsupported` */
function formatAsked({ query }: CollectionCall): FormatName {
  return formatNamed(new URLSearchParams(query).get('format') ?? 'notary-1').name;
}
