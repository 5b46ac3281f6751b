import { Readable } from 'node:stream';
import { CountersignError, parseSaneTargetPath } from '@countersign/client/tuf';
import type { UploadedTargetBody } from '@countersign/client/wire';
import { STORED, TARGET } from './answers.js';
import { openBody } from './body.js';
import { notModified } from './conditional.js';
import type { CollectionCall, HttpDeps, Route } from './route.js';

/**
 * `/v2/<gun>/_trust/targets/…`: target files under their consistent-snapshot names, the hash before the *file* name
 * (specification §5.7, `dir/<hash>.name`). The hash alone decides which bytes are meant.
 */
export function targetRoutes(deps: HttpDeps): readonly Route<CollectionCall>[] {
  return [
    {
      method: 'GET',
      pattern: /^(?<directory>.*\/)?(?<hash>[0-9a-f]{64}|[0-9a-f]{128})\.(?<name>[^/]+)$/su,
      path: '/v2/{gun}/_trust/targets/{directory}{hash}.{name}',
      access: ['pull'],
      body: 'none',
      answers: TARGET,
      doc: 'A target file, by its SHA-256 or SHA-512.',
      handle: (call) => send(call, deps),
    },
    {
      method: 'PUT',
      pattern: /^(?<directory>.*\/)?(?<hash>[0-9a-f]{64})\.(?<name>[^/]+)$/su,
      path: '/v2/{gun}/_trust/targets/{directory}{hash}.{name}',
      access: ['push', 'pull'],
      body: 'target',
      answers: STORED,
      doc: 'Stores a target file, before the metadata that names it is published. Its SHA-256 is checked as it arrives.',
      handle: (call) => receive(call, deps),
    },
  ];
}

async function send({ context, gun, match }: CollectionCall, { collections }: HttpDeps): Promise<void> {
  const hash = match.groups?.['hash'] ?? '';
  const conditional = context.req.headers['if-none-match'] !== undefined;
  if (context.method === 'HEAD' || conditional) {
    const found = await collections.hasTarget(gun, hash);
    if (found === undefined) throw noTarget(hash);
    if (notModified(context, hash, 'immutable')) return;
    if (context.method === 'HEAD') {
      context.status = 200;
      describe(context.res, found.length);
      return;
    }
  }
  const { length, bytes } = await collections.openTarget(gun, hash);
  notModified(context, hash, 'immutable');
  // Never a stream around a stream: one that is destroyed before its first read does not tell the one inside, whose file
  // would stay open.
  context.body = bytes instanceof Readable ? bytes : Readable.from(bytes, { objectMode: false });
  describe(context.res, length);
}

function describe(response: CollectionCall['context']['res'], length: number): void {
  response.setHeader('Content-Type', 'application/octet-stream');
  response.setHeader('Content-Length', length);
}

async function receive(
  { context, gun, match, by }: CollectionCall,
  { collections, limits, log }: HttpDeps,
): Promise<void> {
  const { directory = '', hash: sha256 = '', name = '' } = match.groups ?? {};
  parseSaneTargetPath(directory + name);
  const most = { bytes: limits.target, idle: limits.bodyIdle, within: limits.targetTime };
  const bytes = openBody(context.req, most);
  try {
    const stored: UploadedTargetBody = await collections.uploadTarget({ gun, sha256, bytes });
    context.status = 201;
    context.set('Cache-Control', 'no-store');
    context.body = { length: stored.length, sha256: stored.sha256 };
    log.info({ gun, sha256, length: stored.length, by }, 'target stored');
  } finally {
    bytes.destroy();
  }
}

function noTarget(hash: string): CountersignError {
  return new CountersignError('not-found', `this collection has no target file ${hash} on this server`, {
    detail: { target: hash },
  });
}
