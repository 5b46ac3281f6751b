import { CountersignError, formatInstant } from '@countersign/client/tuf';
import { HEALTH, METRICS, NOTARY_HEALTH, NOTHING } from './answers.js';
import { allChangesRoute } from './changefeed.js';
import type { Call, HttpDeps, Route } from './route.js';

/** What belongs to no collection. */
export function operationRoutes(deps: HttpDeps): readonly Route<Call>[] {
  const { collections, meter } = deps;
  return [
    allChangesRoute(deps),
    {
      method: 'GET',
      pattern: /^\/v2\/$/u,
      path: '/v2/',
      access: 'catalog',
      body: 'none',
      answers: NOTHING,
      doc: 'Says that a trust server is here.',
      handle: ({ context }) => {
        context.body = {};
        return Promise.resolve();
      },
    },
    {
      method: 'GET',
      pattern: /^\/health$/u,
      path: '/health',
      access: 'everybody',
      body: 'none',
      answers: HEALTH,
      doc: 'Whether the store answers (503 if not), and the signer: reads go on without it until `signedUntil`, when the first timestamp expires.',
      handle: async ({ context }) => {
        const { signedUntil, ...health } = await collections.health();
        context.set('Cache-Control', 'no-store');
        context.body = {
          ...health,
          ...(signedUntil === undefined ? {} : { signedUntil: formatInstant(signedUntil) }),
        };
      },
    },
    {
      method: 'GET',
      pattern: /^\/metrics$/u,
      path: '/metrics',
      access: 'everybody',
      body: 'none',
      answers: METRICS,
      doc: 'What was requested, published, renewed and signed, and how long it took, where `metrics` lets it be seen.',
      handle: async ({ context }) => {
        if (meter === undefined) throw new CountersignError('not-found', 'there is nothing at this address');
        const metrics = await meter.text();
        context.set('Content-Type', 'text/plain; version=0.0.4; charset=utf-8');
        context.set('Cache-Control', 'no-store');
        context.body = metrics;
      },
    },
    {
      method: 'GET',
      pattern: /^\/_notary_server\/health$/u,
      path: '/_notary_server/health',
      access: 'everybody',
      body: 'none',
      answers: NOTARY_HEALTH,
      doc: 'The same as a Notary v1 server says it: 503 with what is down.',
      handle: async ({ context }) => {
        const down = await collections.health().then(
          ({ signer }) => (signer === 'ok' ? {} : { signer: 'the signer does not answer; reads go on' }),
          () => ({ store: 'the database does not answer' }),
        );
        context.set('Cache-Control', 'no-store');
        context.status = Object.keys(down).length === 0 ? 200 : 503;
        context.body = down;
      },
    },
  ];
}
