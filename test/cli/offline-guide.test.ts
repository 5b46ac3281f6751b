import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../simulator/keys.js';
import { RepositorySimulator, START } from '../simulator/repository.js';
import { serve, type Served } from '../support/served-simulator.js';
import { Person } from './terminal.js';

const GUIDE = readFileSync(join(fileURLToPath(new URL('../..', import.meta.url)), 'docs/offline.md'), 'utf8');
const COMMANDS = [...GUIDE.matchAll(/^```sh\n(.*?)^```$/gmsu)]
  .flatMap(([, block = '']) => block.split('\n'))
  .map((line) => line.replace(/ +#.*$/u, ''))
  .filter((line) => line.startsWith('countersign '));

describe('docs/offline.md', () => {
  const sim = new RepositorySimulator();
  let served: Served;
  let person: Person;

  beforeAll(async () => {
    sim.delegate('targets', 'team', { paths: ['lib/*'] });
    sim.addTarget('lib/app.tar.gz', 'content', 'team');
    sim.publish('targets', 'team');
    served = await serve(sim);
    person = await Person.arrive({ server: served.url, now: () => START });
  });
  afterAll(async () => {
    await person.leave();
    await served.close();
  });

  it('has commands', () => {
    expect(COMMANDS).toHaveLength(5);
  });

  it.each(COMMANDS)('%s', async (command) => {
    const argv = command
      .replace('sha256:…', sha256(sim.firstRoot))
      .replaceAll('app.bundle', person.path('app.bundle'))
      .replace('./www', person.path('www'))
      .split(' ')
      .slice(1);
    // What a get without -o would leave in the current directory.
    await person.ok(...argv, ...(argv[0] === 'get' ? ['-o', person.path('app.tar.gz')] : []));
  });
});
