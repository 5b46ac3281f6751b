import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, listens, programPath, refusedInCi, run, Service } from '../../support/programs.js';

export const ENGINE_PROGRAMS = ['docker', 'dockerd', 'docker-registry'] as const;

/** A Docker engine and a registry of their own, both on this machine only. */
export interface Engine {
  readonly socket: string;
  /** `127.0.0.1:port` of the registry. */
  readonly registry: string;
  stop(): Promise<void>;
}

/** Whether an engine can run here at all: it must be root's. */
export function missingForEngine(): readonly string[] {
  return refusedInCi(process.getuid?.() === 0 ? [] : ['root, whom dockerd must be run by']);
}

/** Starts both. The engine touches neither the network's set-up nor another engine's files. */
export async function startEngine(): Promise<Engine> {
  // A socket's path may have 107 bytes.
  const directory = await mkdtemp(join(tmpdir(), 'countersign-engine-'));
  const [dockerd, registry] = await Promise.all([startDockerd(directory), startRegistry(directory)]);
  return {
    socket: dockerd.socket,
    registry: registry.address,
    async stop() {
      await dockerd.service.stop();
      await registry.service.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function startDockerd(directory: string): Promise<{ readonly service: Service; readonly socket: string }> {
  const socket = join(directory, 'docker.sock');
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: directory };
  const options = [
    ['--host', `unix://${socket}`],
    ['--data-root', join(directory, 'data')],
    ['--exec-root', join(directory, 'exec')],
    ['--pidfile', join(directory, 'dockerd.pid')],
    ['--config-file', await written(directory, 'dockerd.json', '{}')],
    ['--storage-driver', 'vfs'],
    ['--bridge', 'none'],
    ['--iptables=false'],
  ];
  const service = new Service(programPath('dockerd'), options.flat(), env, directory);
  const ask = ['--host', `unix://${socket}`, 'version'];
  await service.until(async () => (await run(programPath('docker'), ask, { env })).code === 0);
  return { service, socket };
}

async function startRegistry(directory: string): Promise<{ readonly service: Service; readonly address: string }> {
  const port = await freePort();
  const configuration = {
    version: 0.1,
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(directory, 'registry') } },
    http: { addr: `127.0.0.1:${port}` },
  };
  const path = await written(directory, 'registry.yml', JSON.stringify(configuration));
  const service = new Service(programPath('docker-registry'), ['serve', path], { HOME: directory }, directory);
  await service.until(() => listens(port));
  return { service, address: `127.0.0.1:${port}` };
}

async function written(directory: string, name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}
