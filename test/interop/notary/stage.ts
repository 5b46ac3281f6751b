import { afterAll, beforeAll, describe } from 'vitest';
import { chosenTrustServer } from './chosen.js';
import { People, type Home } from './home.js';
import { NotaryPerson } from './notary-cli.js';
import { missingPrograms } from '../../support/programs.js';
import { recordCommands } from './recorder.js';
import { missingForTrustServer, startTrustServer, type TrustServer } from './trust-server.js';

/** What a suite plays on: the chosen trust server, started for it. */
export interface Stage {
  readonly server: TrustServer;
}

export interface Needs {
  readonly programs: readonly string[];
  /** What else is missing. */
  readonly missing?: () => readonly string[];
}

/** People with Debian's `notary`. */
export interface NotaryStage extends Stage {
  newcomer(who: string): NotaryPerson;
  /** The owner of a new, published collection that lists the named targets; keys as `notary init` makes them. */
  owner(gun: string, ...targets: readonly string[]): Promise<NotaryPerson>;
}

/** A suite that needs the chosen trust server and other programs; without them it is skipped, and its title says why. */
export function suite(name: string, needs: Needs, body: (stage: Stage) => void): void {
  const missing = [...missingForTrustServer(), ...missingPrograms(needs.programs), ...(needs.missing?.() ?? [])];
  const title = `${name}, against ${chosenTrustServer()}`;
  describe.skipIf(missing.length > 0)(
    missing.length > 0 ? `${title}: skipped, no ${missing.join(', ')}` : title,
    () => {
      let server: TrustServer | undefined;
      recordCommands();
      beforeAll(async () => {
        server = await startTrustServer();
      });
      afterAll(async () => server?.stop());
      body({
        get server() {
          return server!;
        },
      });
    },
  );
}

export function notarySuite(name: string, body: (stage: NotaryStage) => void): void {
  suite(name, { programs: ['notary'] }, (stage) => {
    const people = new People((home: Home) => new NotaryPerson(home, stage.server));
    afterAll(() => people.leave());
    body({
      get server() {
        return stage.server;
      },
      newcomer: (who) => people.newcomer(who),
      async owner(gun, ...targets) {
        const owner = people.newcomer('owner');
        await owner.does('init', gun);
        for (const target of targets) await owner.does('add', gun, target, owner.file(target));
        await owner.does('publish', gun);
        return owner;
      },
    });
  });
}
