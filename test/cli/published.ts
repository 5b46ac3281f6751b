import { mkdir, writeFile } from 'node:fs/promises';
import { makeCa } from '../support/certificates.js';
import { Front } from '../support/front.js';
import { World } from '../support/world.js';
import { Person } from './terminal.js';

/** A published collection that lists `lib/a.txt`, and those around it. `stop` on every path. */
export class Published {
  readonly name = 'example.com/options';
  readonly world: World;
  /** The same server with TLS, by an authority nobody knows. */
  readonly front: Front;
  readonly publisher: Person;
  /** Somebody without any settings. */
  readonly stranger: Person;
  /** The authority's certificate, a file of the publisher's. */
  readonly ca: string;
  rootFingerprint = '';
  rootKey = '';

  private constructor(world: World, front: Front, publisher: Person, stranger: Person) {
    this.world = world;
    this.front = front;
    this.publisher = publisher;
    this.stranger = stranger;
    this.ca = publisher.path('ca.pem');
  }

  static async begin(): Promise<Published> {
    const world = await World.start();
    const authority = await makeCa();
    const front = await Front.before(world.url, await authority.issue({ cn: 'front', use: 'server' }));
    const publisher = await Person.arrive({ server: world.url });
    const published = new Published(world, front, publisher, await Person.arrive());
    await writeFile(published.ca, authority.certificate);
    const begun = await publisher.json<{ rootFingerprint: string; keys: { root: string } }>('init', published.name);
    published.rootFingerprint = begun.rootFingerprint;
    published.rootKey = begun.keys.root;
    await mkdir(publisher.path('lib'));
    await writeFile(publisher.path('lib', 'a.txt'), 'one');
    await publisher.ok('add', published.name, publisher.path('lib'));
    await publisher.ok('publish', published.name);
    return published;
  }

  /** The publisher stages a target of that content. */
  async stage(target: string, content: string, ...options: string[]): Promise<void> {
    const file = this.publisher.path('staged', target.replaceAll('/', '_'));
    await mkdir(this.publisher.path('staged'), { recursive: true });
    await writeFile(file, content);
    await this.publisher.ok('add', this.name, file, '--as', target, ...options);
  }

  /** The names of the staged targets. */
  async staged(): Promise<readonly string[]> {
    const { changes } = await this.publisher.json<{ changes: { target: string }[] }>('status', this.name);
    return changes.map(({ target }) => target);
  }

  /** Has targets, or who `--by` in `options` says, delegate to a new role of the publisher's own. */
  async delegate(to: string, ...options: string[]): Promise<void> {
    const file = this.publisher.path(`${to}.json`);
    await this.publisher.ok('delegation', 'request', this.name, to, '-o', file);
    await this.publisher.ok('delegation', 'add', this.name, to, '--request', file, ...options);
  }

  async stop(): Promise<void> {
    await this.publisher.leave();
    await this.stranger.leave();
    await this.front.close();
    await this.world.stop();
  }
}
