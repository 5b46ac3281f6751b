import { afterAll, beforeAll, beforeEach } from 'vitest';
import { archive } from './archive.js';
import { DockerPerson } from './docker-cli.js';
import { ENGINE_PROGRAMS, missingForEngine, startEngine, type Engine } from './engine.js';
import { People, type Home } from './home.js';
import { refusedInCi } from '../../support/programs.js';
import { suite, type Stage } from './stage.js';

/** Names of a registry that does not exist, under which `docker trust` works all the same. */
export const NOWHERE = 'registry.example';

export interface DockerStage extends Stage {
  newcomer(who: string): DockerPerson;
}

export interface EngineStage extends DockerStage {
  /** `127.0.0.1:port` of the registry. */
  readonly registry: string;
  /** An image with one file in it, known to the engine under this name; returns the image's id. */
  image(person: DockerPerson, name: string, content: string): Promise<string>;
}

/** People with the docker command and no engine. */
export function dockerSuite(name: string, body: (stage: DockerStage) => void): void {
  suite(name, { programs: ['docker'] }, (stage) => {
    const people = new People((home: Home) => new DockerPerson(home, { server: stage.server, registries: [NOWHERE] }));
    afterAll(() => people.leave());
    body({
      get server() {
        return stage.server;
      },
      newcomer: (who) => people.newcomer(who),
    });
  });
}

/** People with the docker command, who share one engine and one registry. */
export function engineSuite(name: string, body: (stage: EngineStage) => void): void {
  suite(name, { programs: ENGINE_PROGRAMS, missing: missingForEngine }, (stage) => {
    let engine: Engine | undefined;
    const people = new People((home: Home) => {
      const { socket, registry } = engine!;
      return new DockerPerson(home, { server: stage.server, socket, registries: [registry] });
    });
    let why = '';
    beforeAll(async () => {
      try {
        engine = await startEngine();
      } catch (error) {
        why = (error as Error).message;
        refusedInCi([why]);
      }
    });
    beforeEach(({ skip }) => skip(engine === undefined, `no engine can run here: ${why}`));
    afterAll(async () => {
      people.leave();
      await engine?.stop();
    });
    body({
      get server() {
        return stage.server;
      },
      get registry() {
        return engine!.registry;
      },
      newcomer: (who) => people.newcomer(who),
      async image(person, image, content) {
        const path = person.home.write('image.tar', archive('content.txt', content));
        return (await person.does('import', path, image)).trim();
      },
    });
  });
}
