import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as serverManual from '../../packages/server/src/manual.js';
import * as http from '../../packages/server/src/http/openapi.js';
import { readPath } from '../../packages/server/src/http/path.js';
import { OPTIONS } from '../../packages/server/src/options.js';
import * as signerManual from '../../packages/signer/src/manual.js';
import { OPTIONS as SIGNER_OPTIONS } from '../../packages/signer/src/options.js';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const SCRIPT = fileURLToPath(new URL('../../scripts/docs.mjs', import.meta.url));

interface Script {
  readonly documents: (parts: object) => Promise<Readonly<Record<string, string>>>;
}

describe('documents made from the code', () => {
  it.each(['docs/config-server.md', 'docs/config-signer.md', 'docs/openapi.json'])(
    '%s is as "npm run docs" writes it',
    async (path) => {
      const { documents } = (await import(SCRIPT)) as Script;
      expect(read(path)).toBe((await documents({ server: serverManual, signer: signerManual, http }))[path]);
    },
  );
});

describe('the manuals', () => {
  it('have a row for every option, and name every secret', () => {
    const server = read('docs/config-server.md');
    for (const name of Object.keys(OPTIONS)) expect(server).toContain(`\n| \`${name}\` | `);
    for (const name of ['tls.key', 'signer.key', 'database.postgresFile', 'database.postgresEnv'])
      expect(server).toContain(`\n- \`${name}\`: `);
    const signer = read('docs/config-signer.md');
    for (const { name } of SIGNER_OPTIONS) expect(signer).toContain(`\n| \`${name}\` | `);
    for (const name of ['tls.key', 'keks', 'database.url']) expect(signer).toContain(`\n- \`${name}\`: `);
  });
});

describe('docs/openapi.json', () => {
  const { paths } = JSON.parse(read('docs/openapi.json')) as {
    paths: Readonly<Record<string, Readonly<Record<string, { summary: string; responses: object }>>>>;
  };
  const routes = http.allRoutes();
  const named = routes.map((route) => [`${route.method} ${route.path}`, route] as const);

  const areaOf = ({ path }: { path: string }): string => /\{gun\}\/_trust\/(\w+)(?:\/|$)/u.exec(path)?.[1] ?? 'service';

  it('has every route, and none besides', () => {
    const documented = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect([...documented].sort()).toEqual(named.map(([name]) => name).sort());
    expect(new Set(documented).size).toBe(routes.length);
  });

  it.each(named)('%s is written as the path that route answers', (_name, route) => {
    const values: Readonly<Record<string, string>> = {
      gun: 'registry.example/team/app',
      role: 'team',
      online: 'snapshot',
      version: '3',
      hash: 'ab'.repeat(32),
      sha256: 'cd'.repeat(32),
      directory: 'd/',
      name: 'f.txt',
    };
    const { area, path } = readPath(route.path.replace(/\{(\w+)\}/gu, (_all, name: string) => values[name]!));
    expect(area).toBe(areaOf(route));
    const candidates = routes.filter((one) => one.method === route.method && areaOf(one) === area);
    const first = candidates.find((one) => one.pattern.test(path));
    expect(first).toBe(route);
    expect(paths[route.path]![route.method.toLowerCase()]!.summary).toBe(route.doc);
  });
});
