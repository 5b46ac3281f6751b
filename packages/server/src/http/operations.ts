import type { Call, HttpDeps, Route } from './route.js';

/** What belongs to no collection. */
export function operationRoutes({ collections }: HttpDeps): readonly Route<Call>[] {
  return [
    {
      method: 'GET',
      pattern: /^\/v2\/$/u,
      body: 'none',
      doc: 'Says that a trust server is here.',
      handle: ({ context }) => {
        context.body = {};
        return Promise.resolve();
      },
    },
    {
      method: 'GET',
      pattern: /^\/health$/u,
      body: 'none',
      doc: 'Whether the store answers (503 if not), and the signer: reads go on without it.',
      handle: async ({ context }) => {
        const health = await collections.health();
        context.set('Cache-Control', 'no-store');
        context.body = health;
      },
    },
  ];
}
