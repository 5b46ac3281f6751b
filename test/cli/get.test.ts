import { afterEach, expect, it } from 'vitest';
import { RepositorySimulator, START } from '../simulator/repository.js';
import { serve, type Served } from '../support/served-simulator.js';
import { Person } from './terminal.js';

let served: Served;
let person: Person;
afterEach(async () => {
  await served.close();
  await person.leave();
});

it('get --all ends at once when a target is refused, also what waits for another that never comes', async () => {
  const sim = new RepositorySimulator();
  for (const name of ['bad', 'silent']) sim.addTarget(name, 'content');
  sim.publish('targets');
  let asked: () => void;
  const silent = new Promise<void>((resolve) => (asked = resolve));
  served = await serve({
    fetch: async (url, init) => {
      if (url.endsWith('.bad')) {
        await silent;
        return new Response('another');
      }
      if (!url.endsWith('.silent')) return sim.fetch(url, init);
      asked();
      return new Promise(() => undefined);
    },
  });
  person = await Person.arrive({ server: served.url, now: () => START });
  const ran = await person.run('get', 'example.com/app', '--all', '-o', person.path('out'), '--trust-on-first-use');
  expect(ran).toMatchObject({ code: 4, out: '' });
  expect(ran.err).toContain('bad');
});
