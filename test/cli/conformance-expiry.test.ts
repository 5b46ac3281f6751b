import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it } from 'vitest';
import { date, START } from '../simulator/repository.js';
import { type Conformance, DAY, initialisedClient } from '../support/conformance-client.js';
import { missingPrograms } from '../support/programs.js';

const EXECUTABLE = fileURLToPath(new URL('../../packages/client/bin/tuf-conformance-client', import.meta.url));

let sim: Conformance['sim'];
let client: Conformance['client'];
beforeEach(async () => {
  ({ sim, client } = await initialisedClient());
});

const publish = {
  root: (expires: number): void => {
    sim.root.expires = date(expires);
    sim.publishRoot();
  },
  timestamp: (expires: number): void => {
    sim.timestamp.expires = date(expires);
    sim.publishTimestamp();
  },
  snapshot: (expires: number): void => {
    sim.snapshot.expires = date(expires);
    sim.publishSnapshot();
  },
  targets: (expires: number): void => {
    sim.targets.expires = date(expires);
    sim.publish('targets');
  },
};
const ROLES = ['root', 'timestamp', 'snapshot', 'targets'] as const;

describe('a newer version that has expired', () => {
  it.each([
    ['root', { root: 2, snapshot: 1, targets: 1, timestamp: 1 }],
    ['timestamp', { root: 1, snapshot: 1, targets: 1, timestamp: 1 }],
    ['snapshot', { root: 1, snapshot: 1, targets: 1, timestamp: 2 }],
    ['targets', { root: 1, snapshot: 2, targets: 1, timestamp: 2 }],
  ] as const)('of %s ends the refresh; only a root is kept', async (role, trusted) => {
    await client.refresh();
    publish[role](START - DAY);
    expect(await client.refresh()).toBe(1);
    expect(client.said).toMatch(new RegExp(`^freeze: ${role}`, 'u'));
    expect(client.versions()).toEqual(trusted);
  });
});

describe('what the client has and has expired since', () => {
  beforeEach(async () => {
    for (const role of ROLES) publish[role](START + 30 * DAY);
    await client.refresh();
  });

  it.each(ROLES)('%s, with nothing newer: the refresh fails', async (role) => {
    publish[role](START + 7 * DAY);
    expect(await client.refresh()).toBe(0);
    expect(await client.refresh(START + 18 * DAY)).toBe(1);
    expect(client.said).toMatch(new RegExp(`^freeze: ${role}`, 'u'));
  });

  it.each(ROLES)('%s, with a newer version: the refresh goes on from it', async (role) => {
    publish[role](START + 7 * DAY);
    await client.refresh();
    publish[role](START + 21 * DAY);
    sim.publish('targets');
    expect(await client.refresh(START + 18 * DAY)).toBe(0);
    expect(client.versions()).toEqual({
      root: sim.root.version,
      snapshot: sim.snapshot.version,
      targets: sim.targets.version,
      timestamp: sim.timestamp.version,
    });
  });
});

describe('a delegated role', () => {
  function delegate(expires: number): void {
    sim.delegate('targets', 'delegated', { paths: ['d/*'] });
    sim.role('delegated').expires = date(expires);
    for (const name of ['first', 'second']) sim.addTarget(`d/${name}`, name, 'delegated');
    sim.publish('delegated', 'targets');
  }

  it('that had expired when it was first seen is not trusted, and nothing it lists is downloaded', async () => {
    delegate(START - DAY);
    expect(await client.refresh()).toBe(0);
    expect(await client.download('d/first')).toBe(1);
    expect(client.downloaded()).toEqual({});
    expect(client.versions()).toEqual({ root: 1, snapshot: 2, targets: 2, timestamp: 2 });
  });

  it('that the client has and has expired since serves no further download', async () => {
    delegate(START + 7 * DAY);
    expect(await client.download('d/first')).toBe(0);
    expect(await client.download('d/second', START + 18 * DAY)).toBe(1);
    expect(client.downloaded()).toEqual({ 'd%2Ffirst': 'first' });
  });

  it('that has expired since gives way to a newer one', async () => {
    delegate(START + 7 * DAY);
    await client.download('d/first');
    sim.role('delegated').expires = date(START + 21 * DAY);
    sim.publish('delegated');
    expect(await client.download('d/second', START + 18 * DAY)).toBe(0);
    expect(client.downloaded()).toEqual({ 'd%2Ffirst': 'first', 'd%2Fsecond': 'second' });
  });
});

const missing = missingPrograms(['faketime']);

it('the executable goes by the clock it is given from outside', async ({ skip }) => {
  skip(missing.length > 0, 'faketime is not installed');
  const refreshAt = async (time: string): Promise<unknown> => {
    const options = ['--metadata-dir', client.metadata, '--metadata-url', client.metadataUrl, 'refresh'];
    const child = spawn('faketime', [time, EXECUTABLE, ...options], { stdio: 'ignore' });
    return ((await once(child, 'exit')) as unknown[])[0];
  };
  expect(await refreshAt('2030-01-08 09:17:23.123456+00:00')).toBe(0);
  expect(await refreshAt('2030-02-09 09:17:23.123456+00:00')).toBe(1);
});
