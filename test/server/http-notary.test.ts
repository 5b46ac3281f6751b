import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CountersignError } from '@countersign/client/tuf';
import { readError } from '@countersign/client/wire';
import { digest } from './support/memory-collections.js';
import { form, role } from './support/form.js';
import { startTestServer, type Answer, type TestServer } from './support/http-server.js';

const BASE = '/v2/docker.io/library/app/_trust/tuf/';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
beforeEach(async () => {
  server.collections.failure = undefined;
  server.collections.format = 'notary-1';
  await server.ask(BASE, { method: 'DELETE' });
  await server.ask(BASE, { method: 'POST', ...form(role('root'), role('targets'), role('targets/releases')) });
});
afterAll(() => server.close());

/** The one error of a refusal, as Notary's clients read it. */
function errorOf(answer: Answer): { readonly code: string; readonly message: string; readonly detail?: unknown } {
  expect(answer.body.length).toBeLessThanOrEqual(1024);
  const { errors } = answer.json() as { errors: [{ code: string; message: string }] };
  expect(errors).toHaveLength(1);
  return errors[0];
}

describe('a Notary v1 publish', () => {
  it('is answered with exactly 200 and nothing else', async () => {
    const answer = await server.ask(BASE, { method: 'POST', ...form(role('targets', 2)) });
    expect([answer.status, answer.body.length]).toEqual([200, 0]);
    expect(answer.headers['content-type']).toBeUndefined();
  });

  it('of nothing, as clients send it that find nothing to change, is a success', async () => {
    const answer = await server.ask(BASE, { method: 'POST', ...form() });
    expect([answer.status, answer.body.length]).toEqual([200, 0]);
  });

  it('that lost a race is told 400 VERSION, never 500', async () => {
    const answer = await server.ask(BASE, { method: 'POST', ...form(role('targets', 1)) });
    expect(answer.status).toBe(400);
    expect(errorOf(answer)).toEqual({
      code: 'VERSION',
      message: 'A newer version of metadata is already available.',
      detail: {},
    });
  });

  it.each([
    [new CountersignError('threshold', 'no', { detail: { role: 'root' } }), 'ErrBadRoot'],
    [new CountersignError('wrong-key', 'no', { detail: { role: 'timestamp' } }), 'ErrBadRoot'],
    [new CountersignError('conflict', 'no', { detail: { role: 'root', version: 5, current: 1 } }), 'ErrBadRoot'],
    [new CountersignError('threshold', 'no', { detail: { role: 'targets' } }), 'ErrBadTargets'],
    [new CountersignError('delegation', 'no', { detail: { role: 'targets/x' } }), 'ErrBadTargets'],
    [new CountersignError('mix-and-match', 'no', { detail: { role: 'snapshot' } }), 'ErrBadSnapshot'],
    [new CountersignError('wrong-key', 'no', { detail: { role: 'snapshot' } }), 'ErrBadHierarchy'],
    [new CountersignError('not-found', 'no', { detail: { role: 'root' } }), 'ErrValidation'],
    [new CountersignError('too-large', 'no'), 'ErrValidation'],
  ])('refused for %s names its cause %s, with the reason', async (failure, cause) => {
    server.collections.failure = failure;
    const answer = await server.ask(BASE, { method: 'POST', ...form(role('targets', 2)) });
    expect(answer.status).toBe(400);
    const { code, detail } = errorOf(answer);
    expect(code).toBe('INVALID_UPDATE');
    const known =
      failure.code === 'threshold' ? `valid signatures did not meet threshold for ${failure.detail.role}: ` : '';
    expect(detail).toMatchObject({ Name: cause, Error: { Msg: `${known}no` } });
  });

  it('refused in very many words still fits what clients read', async () => {
    server.collections.failure = new CountersignError('delegation', '"\u0001✓'.repeat(5_000), {
      detail: { role: 'targets' },
    });
    const answer = await server.ask(BASE, { method: 'POST', ...form(role('targets', 2)) });
    expect(errorOf(answer)).toMatchObject({ code: 'INVALID_UPDATE', detail: { Name: 'ErrBadTargets' } });
  });

  it('of a form that is cut short is a 400 MALFORMED_UPLOAD', async () => {
    const { headers, body } = form(role('targets', 2));
    const answer = await server.ask(BASE, { method: 'POST', headers, body: body.subarray(0, body.length - 20) });
    expect([answer.status, errorOf(answer).code]).toEqual([400, 'MALFORMED_UPLOAD']);
  });

  it('while the signer is down is a 503, and says so', async () => {
    server.collections.failure = new CountersignError('unavailable', 'the signer does not answer');
    const answer = await server.ask(BASE, { method: 'POST', ...form(role('targets', 2)) });
    expect([answer.status, errorOf(answer)]).toMatchObject([
      503,
      { code: 'UNKNOWN', detail: 'the signer does not answer' },
    ]);
  });

  it('tells a client that speaks both what it is about', async () => {
    server.collections.failure = new CountersignError('delegation', 'too few', { detail: { role: 'targets' } });
    const answer = await server.ask(BASE, { method: 'POST', ...form(role('targets', 2)) });
    expect(readError(answer.status, answer.body.toString())).toMatchObject({ code: 'malformed', message: 'too few' });
  });
});

describe('a read', () => {
  it('by hash, of a delegation by its segments too', async () => {
    for (const name of ['targets', 'targets/releases']) {
      const sha256 = digest('sha256', Buffer.from(role(name).content));
      const answer = await server.ask(`${BASE}${name}.${sha256}.json`);
      expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable']);
      expect(digest('sha256', answer.body)).toBe(sha256);
    }
  });

  it.each(['targets/releases.json', '1.targets/releases.json', 'targets%2Freleases.json'])('of %s', async (name) => {
    expect((await server.ask(BASE + name)).status).toBe(200);
  });

  it.each([
    ['targets/a/../root.json', 404],
    ['0.root.json', 404],
    ['01.root.json', 404],
    ['targets.AB.json', 404],
    ['other/role.json', 400],
    ['a/targets/b.json', 400],
  ])('of %s finds nothing, in the words of Notary', async (name, status) => {
    const answer = await server.ask(BASE + name);
    expect([answer.status, errorOf(answer).code]).toEqual([status, 'METADATA_NOT_FOUND']);
  });

  it('of what has no format yet is answered in both ways', async () => {
    const answer = await server.ask('/v2/never/published/_trust/tuf/root.json');
    expect(answer.status).toBe(404);
    expect(answer.json()).toMatchObject({
      errors: [{ code: 'METADATA_NOT_FOUND', detail: {} }],
      error: { code: 'not-found' },
    });
  });

  it('of what has expired and nobody could sign anew says so in a header', async () => {
    server.collections.expired = true;
    const answer = await server.ask(`${BASE}root.json`);
    server.collections.expired = false;
    expect([answer.status, answer.headers['x-countersign-expired']]).toEqual([200, 'root']);
    expect((await server.ask(`${BASE}root.json`)).headers['x-countersign-expired']).toBeUndefined();
  });
});

describe('a deletion', () => {
  it('is answered with 200, also of what is not there, and is exact', async () => {
    const above = '/v2/docker.io/library/_trust/tuf/';
    for (const path of [above, '/v2/docker.io/library/ap/_trust/tuf/']) {
      const answer = await server.ask(path, { method: 'DELETE' });
      expect([answer.status, answer.body.length]).toEqual([200, 0]);
    }
    expect((await server.ask(`${BASE}root.json`)).status).toBe(200);
    expect((await server.ask(BASE, { method: 'DELETE' })).status).toBe(200);
    expect((await server.ask(`${BASE}root.json`)).status).toBe(404);
  });
});

describe('the changefeed', () => {
  const ALL = '/v2/_trust/changefeed';
  const ONE = '/v2/docker.io/library/app/_trust/changefeed';

  it('tells changes as Notary does', async () => {
    const answer = await server.ask(`${ONE}?records=5`);
    expect(answer.json()).toEqual({
      count: 1,
      records: [
        {
          ID: '7',
          CreatedAt: '2030-01-01T00:00:00.000Z',
          GUN: 'docker.io/library/app',
          Version: 2,
          SHA256: 'ab',
          Category: 'update',
        },
      ],
    });
  });

  it.each([
    [ALL, 'records=5', { after: 0, before: undefined, limit: 5 }],
    [ALL, 'records=0', { after: 0, before: undefined, limit: 100 }],
    [ALL, 'records=5&change_id=12', { after: 12, before: undefined, limit: 5 }],
    [ALL, 'records=5&change_id=-1', { after: undefined, before: undefined, limit: 5 }],
    [ALL, 'records=-5', { after: undefined, before: undefined, limit: 5 }],
    [ALL, 'records=-5&change_id=12', { after: undefined, before: 12, limit: 5 }],
    [ALL, 'records=99999999', { after: 0, before: undefined, limit: 1_000 }],
    [ONE, 'records=5', { gun: 'docker.io/library/app', after: 0, before: undefined, limit: 5 }],
  ])('%s?%s', async (path, query, asked) => {
    expect((await server.ask(`${path}?${query}`)).status).toBe(200);
    expect(server.collections.changesAsked.at(-1)).toEqual({ gun: undefined, ...asked });
  });

  it.each(['', '?records=abc', '?records=1.5', '?records=5&change_id=x', '?records=99999999999'])(
    'refuses %j, naming the parameter',
    async (query) => {
      const answer = await server.ask(ALL + query);
      expect([answer.status, errorOf(answer).code]).toEqual([400, 'INVALID_PARAMETERS']);
    },
  );
});

describe('what belongs to no collection', () => {
  it('the health of Notary: 200, or 503 with what is down', async () => {
    expect((await server.ask('/_notary_server/health')).json()).toEqual({});
    server.collections.signer = 'down';
    const signer = await server.ask('/_notary_server/health');
    server.collections.signer = 'ok';
    expect([signer.status, Object.keys(signer.json() as object)]).toEqual([503, ['signer']]);
    server.collections.failure = new CountersignError('unavailable', 'down');
    const store = await server.ask('/_notary_server/health');
    expect([store.status, Object.keys(store.json() as object)]).toEqual([503, ['store']]);
  });
});
