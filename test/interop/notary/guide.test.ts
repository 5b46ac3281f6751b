import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { engineSuite } from './docker-stage.js';
import { DOCKER } from './docker-cli.js';
import { programPath } from '../../support/programs.js';

/** The shell commands of the guide, block by block. */
function blocks(): readonly string[] {
  const text = readFileSync(new URL('../../../docs/docker.md', import.meta.url), 'utf8');
  const guide = text.slice(text.indexOf('<!-- guide'));
  return [...guide.matchAll(/^```sh\n(.*?)^```/gmsu)].map((match) => match[1]!);
}

engineSuite('the guide to docker content trust, as it stands', (stage) => {
  it('signs, pushes, pulls and revokes with docker, and publishes with notary', async () => {
    const alice = stage.newcomer('alice');
    await stage.image(alice, 'app:1', 'one');
    alice.home.write('firmware.bin', 'firmware');
    const ca = alice.home.path('.countersign', 'tls', 'ca.crt');
    mkdirSync(dirname(ca), { recursive: true });
    copyFileSync(stage.server.caFile, ca);
    const script = blocks()
      .join('\n')
      .replaceAll('127.0.0.1:4443', new URL(stage.server.url).host)
      .replaceAll('127.0.0.1:5000', stage.registry);
    const { code, output } = await shell(script, alice.home.directory, alice.environment);
    expect(code, output).toBe(0);
    expect(output).toMatch(/Signed tag: 1|digest: sha256:/u);
    expect(output).toMatch(/^v1 +[0-9a-f]{64} +8 +targets$/mu);
  });
});

async function shell(
  script: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number | null; readonly output: string }> {
  const docker = DOCKER.includes('/') ? DOCKER : programPath(DOCKER);
  const passphrases = Object.fromEntries(
    ['ROOT', 'TARGETS', 'SNAPSHOT', 'DELEGATION'].map((role) => [`NOTARY_${role}_PASSPHRASE`, 'a passphrase']),
  );
  const child = spawn('bash', ['-euo', 'pipefail', '-c', script], {
    cwd,
    env: { ...env, ...passphrases, PATH: `${dirname(docker)}:/usr/bin:/bin` },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
