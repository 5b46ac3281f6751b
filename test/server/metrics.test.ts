import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { allRoutes } from '../../packages/server/src/http/openapi.js';
import { ByHand, NO_JOBS } from '../support/by-hand.js';
import { NotaryPublisher } from '../support/notary-publisher.js';
import { Publisher } from '../support/publisher.js';
import { PASSPHRASE, World } from '../support/world.js';

const DAY = 86_400;

let world: World | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

async function start(server: Readonly<Record<string, unknown>> = {}): Promise<World> {
  world = await World.start({ server: { ...NO_JOBS, ...server } });
  return world;
}

async function text({ url }: Pick<World, 'url'>, path = '/metrics'): Promise<string> {
  const answer = await fetch(url + path);
  expect([answer.status, answer.headers.get('content-type')]).toEqual([
    200,
    'text/plain; version=0.0.4; charset=utf-8',
  ]);
  return answer.text();
}

/** The value of a series, or 0 where there is none; `labels` in any order. */
function value(metrics: string, name: string, labels: Readonly<Record<string, string>>): number {
  const line = metrics
    .split('\n')
    .find(
      (one) =>
        one.startsWith(`${name}{`) && Object.entries(labels).every(([key, text_]) => one.includes(`${key}="${text_}"`)),
    );
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** Every value a label has, in any series of ours. */
function labels(metrics: string): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const line of metrics.split('\n').filter((one) => one.startsWith('countersign_')))
    for (const [, label = '', content = ''] of line.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/gu))
      found.set(label, (found.get(label) ?? new Set()).add(content));
  return found;
}

describe('/metrics', () => {
  it('counts requests by route and status, publishes by outcome, and waits for the signer', async () => {
    const where = await start();
    const publisher = await NotaryPublisher.begin(where, 'metrics/app');
    await publisher.publish({ targets: publisher.advance('targets') });
    await publisher.post({ targets: publisher.sign('targets', publisher.documents.get('targets')!) });
    await publisher.post({ targets: Buffer.from('nonsense') });
    for (let read = 0; read < 3; read += 1) await publisher.read('timestamp.json');
    await publisher.read('9.root.json');
    const metrics = await text(where);
    const requests = (route: string, status: number): number =>
      value(metrics, 'countersign_http_requests_total', {
        route: `/v2/{gun}/_trust/tuf/${route}`,
        status: String(status),
      });
    expect(requests('timestamp.json', 200)).toBe(3);
    expect(requests('{version}.{role}.json', 404)).toBe(1);
    expect(requests('', 200)).toBeGreaterThanOrEqual(2);
    expect(value(metrics, 'countersign_publishes_total', { outcome: 'published' })).toBe(2);
    expect(value(metrics, 'countersign_publishes_total', { outcome: 'malformed' })).toBe(1);
    expect(value(metrics, 'countersign_signer_duration_seconds_count', { operation: 'sign', outcome: 'done' })).toBe(4);
    expect(metrics).toMatch(/^process_resident_memory_bytes \d/mu);
    expect(metrics).toContain('countersign_http_request_duration_seconds_bucket{');
  });

  it('counts renewals, by who caused them', async () => {
    const held = await ByHand.start();
    world = held.world;
    const publisher = await NotaryPublisher.begin(held.world, 'metrics/app');
    held.clock.advance(15 * DAY);
    await publisher.read('timestamp.json');
    const metrics = await text(held.world);
    expect(value(metrics, 'countersign_renewals_total', { cause: 'reader', outcome: 'done' })).toBe(1);
  });

  it('has labels of a bounded set of values, whatever is asked for', async () => {
    const where = await start();
    const before = labels(await text(where));
    for (let number = 0; number < 30; number += 1) {
      const gun = `strange-${number}`;
      await fetch(`${where.url}/v2/${gun}/_trust/tuf/targets/${gun}.json`);
      await fetch(`${where.url}/${gun}`);
      await fetch(`${where.url}/v2/${gun}/_trust/tuf/timestamp.key`);
      await fetch(`${where.url}/v2/${gun}/_trust/targets/${gun}`, { method: 'PATCH' });
      await new NotaryPublisher(where, gun).post({ [`targets/${gun}`]: Buffer.from(gun) });
    }
    await Publisher.begin(where, 'strange-tuf', { 'strange-file.txt': 'a' });
    const metrics = await text(where);
    expect(metrics).not.toContain('strange');
    const routes = new Set(['none', ...allRoutes().map(({ path }) => path)]);
    const found = labels(metrics);
    expect([...found.keys()].sort()).toEqual(['le', 'method', 'operation', 'outcome', 'route', 'status']);
    expect([...found.get('route')!].filter((route) => !routes.has(route))).toEqual([]);
    expect(
      [...found.get('method')!].every((method) => /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|other)$/u.test(method)),
    ).toBe(true);
    expect([...found.get('status')!].every((status) => /^[2-5]\d\d$/u.test(status))).toBe(true);
    expect([...found.get('outcome')!].every((outcome) => /^[a-z-]+$/u.test(outcome))).toBe(true);
    expect(before.get('route')?.size ?? 0).toBeLessThan(found.get('route')!.size);
  });

  it('holds no secret, no path of this machine and no token', async () => {
    const where = await start();
    await fetch(`${where.url}/v2/`, { headers: { Authorization: 'Bearer a.secret.token' } });
    await NotaryPublisher.begin(where, 'metrics/app');
    const metrics = await text(where);
    const key = (await readFile(join(where.directory, 'client.key'), 'utf8')).split('\n')[1]!;
    for (const secret of ['a.secret.token', PASSPHRASE, key, where.directory, 'metrics/app'])
      expect(metrics).not.toContain(secret);
  });

  it('is below the path prefix, and not beside it', async () => {
    const where = await start({ listen: { http: '127.0.0.1:0', pathPrefix: '/notary' } });
    expect((await fetch(`${where.url}/metrics`)).status).toBe(404);
    expect(await text(where, '/notary/metrics')).toContain('countersign_');
  });

  it.each([
    [{}, '127.0.0.1:0', 200],
    [{ metrics: 'off' }, '127.0.0.1:0', 404],
    [{}, '0.0.0.0:0', 404],
    [{ metrics: 'on' }, '0.0.0.0:0', 200],
  ])('with %j on %s answers %i', async (options, http, status) => {
    const where = await start({ ...options, listen: { http }, insecureListenWithoutAuthentication: true });
    const port = new URL(where.url).port;
    expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(status);
  });
});
