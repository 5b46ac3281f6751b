import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Home } from './home.js';
import { succeeded } from './notary-cli.js';
import { programPath, run, type Outcome } from '../../support/programs.js';
import { record } from './recorder.js';
import type { TrustServer } from './trust-server.js';

/** The docker command that is driven: the first of the PATH, or the one that `COUNTERSIGN_INTEROP_DOCKER` names. */
export const DOCKER = process.env['COUNTERSIGN_INTEROP_DOCKER'] ?? 'docker';

const PASSPHRASE = 'a passphrase';

export interface DockerOptions {
  /** Whether DOCKER_CONTENT_TRUST is on; `docker trust` does without. */
  readonly trusting?: boolean;
  /** What is typed at its prompts. */
  readonly input?: string;
}

export interface DockerWorld {
  readonly server: TrustServer;
  /** The engine's socket; left out, there is none. */
  readonly socket?: string;
  /** Hosts, with port, of the registries that everybody is logged in to under their name. */
  readonly registries: readonly string[];
}

/** A signed tag as `docker trust inspect` shows it. */
export interface SignedTag {
  readonly tag: string;
  readonly digest: string;
  readonly signers: readonly string[];
}

/** A person with the docker command: own keys, cache and log-ins, and the trust server's authority where docker looks. */
export class DockerPerson {
  readonly home: Home;
  readonly #env: Readonly<Record<string, string>>;

  constructor(home: Home, { server, socket, registries }: DockerWorld) {
    this.home = home;
    const certificates = home.path('.docker', 'tls', new URL(server.url).host);
    mkdirSync(certificates, { recursive: true });
    copyFileSync(server.caFile, join(certificates, 'ca.crt'));
    const auth = Buffer.from(`${home.who}:secret`).toString('base64');
    const auths = Object.fromEntries(registries.map((registry) => [registry, { auth }]));
    home.write('.docker/config.json', JSON.stringify({ auths }));
    this.#env = {
      PATH: '/usr/bin:/bin',
      HOME: home.directory,
      DOCKER_CONFIG: home.path('.docker'),
      DOCKER_HOST: `unix://${socket ?? home.path('no-engine.sock')}`,
      DOCKER_BUILDKIT: '0', // BuildKit does not know content trust
      DOCKER_CONTENT_TRUST_SERVER: server.url,
      DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE: PASSPHRASE,
      DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE: PASSPHRASE,
    };
  }

  /** What a shell of this person starts with; content trust is not on yet. */
  get environment(): Readonly<Record<string, string>> {
    return this.#env;
  }

  /** Runs `docker` to its end, whatever that is. */
  async docker(args: readonly string[], { trusting = false, input }: DockerOptions = {}): Promise<Outcome> {
    const outcome = await run(DOCKER.includes('/') ? DOCKER : programPath(DOCKER), args, {
      env: { ...this.#env, DOCKER_CONTENT_TRUST: trusting ? '1' : '0' },
      cwd: this.home.directory,
      ...(input === undefined ? {} : { input }),
    });
    record(this.home.who, [...(trusting ? ['DOCKER_CONTENT_TRUST=1'] : []), 'docker', ...args], outcome);
    return outcome;
  }

  /** Runs `docker`, which must succeed. */
  async does(...args: readonly string[]): Promise<string> {
    return succeeded(args, await this.docker(args)).stdout;
  }

  /** Runs `docker` with content trust on, which must succeed. */
  async trusts(...args: readonly string[]): Promise<string> {
    return succeeded(args, await this.docker(args, { trusting: true })).stdout;
  }

  /** Runs `docker` with content trust on, which must refuse; returns what it said. */
  async refuses(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.docker(args, { trusting: true });
    if (code === 0) throw new Error(`docker ${args.join(' ')} succeeded:\n${stdout}`);
    return stdout + stderr;
  }

  /** The signed tags of a repository, in the order of their names. */
  async signedTags(image: string): Promise<readonly SignedTag[]> {
    const [about] = JSON.parse(await this.does('trust', 'inspect', image)) as [Inspected];
    return about.SignedTags.map(({ SignedTag, Digest, Signers }) => ({
      tag: SignedTag,
      digest: `sha256:${Digest}`,
      signers: [...Signers].sort(),
    }));
  }

  /** The names of a repository's signers, sorted. */
  async signers(image: string): Promise<readonly string[]> {
    const [about] = JSON.parse(await this.does('trust', 'inspect', image)) as [Inspected];
    return about.Signers.map(({ Name }) => Name).sort();
  }
}

interface Inspected {
  readonly SignedTags: readonly {
    readonly SignedTag: string;
    readonly Digest: string;
    readonly Signers: readonly string[];
  }[];
  readonly Signers: readonly { readonly Name: string }[];
}
