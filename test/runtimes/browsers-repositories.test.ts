import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type { Browser, Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nodeCrypto } from '@countersign/client/node';
import { captures } from '../simulator/notary-captures.js';
import { newKey } from '../simulator/keys.js';
import { date, RepositorySimulator, START } from '../simulator/repository.js';
import { serve, type Served } from '../support/served-simulator.js';
import genuine from '../vectors/tuf-1/keys.json' with { type: 'json' };
import refused from '../vectors/tuf-1/keys-refused.json' with { type: 'json' };
import type { Visit } from './page/steps.js';
import { judge } from './page/vectors.js';
import { BROWSERS, openTab } from './support/browsers.js';
import { Site } from './support/site.js';
import { forgetEd25519, judgeInPage, visit, visitTo } from './support/steps.js';

const VECTORS = { keys: [...genuine, ...refused], captures };

for (const { name, missing, start } of BROWSERS)
  describe.skipIf(missing.length > 0)(
    `${name} and any repository (missing: ${missing.join(', ') || 'nothing'})`,
    () => {
      let browser: Browser;
      let site: Site;
      beforeAll(async () => {
        [site, browser] = await Promise.all([Site.start(), start()]);
      });
      afterAll(async () => {
        await Promise.all([browser.close(), site.close()]);
      });

      let sim: RepositorySimulator;
      let served: Served;
      let tab: Page;
      let gun: string;
      beforeEach(async () => {
        gun = `example.com/${randomUUID()}`;
        sim = new RepositorySimulator();
        sim.addTarget('file', 'content');
        sim.publish('targets');
        served = await serve(sim);
        tab = await openTab(browser, `${site.origin}/`);
      });
      afterEach(async () => {
        await Promise.all([tab.close(), served.close()]);
      });

      const here = (more: Partial<Visit> = {}): Visit =>
        visitTo(served.url, gun, 'file', { root: new TextDecoder().decode(sim.firstRoot), now: START, ...more });

      it('it follows a root to P-256 and RSA keys, and back', async () => {
        sim.setKeys('root', [newKey('ecdsa'), newKey('rsa')], 2);
        sim.setKeys('timestamp', [newKey('rsa')]);
        sim.setKeys('targets', [newKey('ecdsa')]);
        sim.publishRoot();
        sim.publish('targets');
        expect(await visit(tab, here())).toMatchObject({ content: 'content' });
        sim.setKeys('root', [newKey()]);
        sim.publishRoot();
        expect(await visit(tab, here())).toMatchObject({ content: 'content' });
      });

      it('it refuses an expired timestamp, a rolled-back one and a stranger’s', async () => {
        expect(await visit(tab, here())).toMatchObject({ content: 'content' });
        const older = sim.timestamp.version;
        sim.timestamp.expires = date(START - 1000);
        sim.publishTimestamp();
        expect((await visit(tab, here())).error).toMatchObject({ code: 'freeze' });
        sim.timestamp.expires = date(START + 86_400_000);
        sim.publishTimestamp();
        await visit(tab, here());
        sim.timestamp.version = older - 1;
        sim.publishTimestamp();
        expect((await visit(tab, here())).error).toMatchObject({ code: 'rollback' });
        sim.timestamp.version += 9;
        sim.signers.set('timestamp', [newKey()]);
        sim.publishTimestamp();
        expect((await visit(tab, here())).error).toMatchObject({ code: 'threshold' });
      });

      it('two tabs at once fetch the metadata once', async () => {
        const other = await openTab(browser, `${site.origin}/`);
        const gate = new EventEmitter();
        sim.answers.set('timestamp.json', async () => {
          gate.emit('asked');
          await once(gate, 'open');
          return new Response(new Uint8Array(sim.file('timestamp.json')));
        });
        const asked = once(gate, 'asked');
        const first = visit(tab, here({ maxStale: 60 }));
        await asked;
        const second = visit(other, here({ maxStale: 60 }));
        await other.waitForFunction(async () => ((await navigator.locks.query()).pending ?? []).length === 1);
        gate.emit('open');
        expect(await Promise.all([first, second])).toMatchObject([{ content: 'content' }, { content: 'content' }]);
        const metadata = ['2.root.json', 'timestamp.json', '2.snapshot.json', '2.targets.json'];
        expect(sim.requests.filter((name) => name.endsWith('.json'))).toEqual(metadata);
        await other.close();
      });

      it('it says what may be wrong where the server is down, and goes on when it is back', async () => {
        const gone = await serve(sim);
        await gone.close();
        const { error, requests } = await visit(tab, here({ urls: visitTo(gone.url, gun, '').urls }));
        expect(requests).toEqual(['2.root.json']);
        expect(error).toMatchObject({ code: 'network' });
        expect(error?.message).toContain(new URL(gone.url).host);
        for (const word of ['down', 'certificate', 'CORS', 'console']) expect(error?.next).toContain(word);
        expect(await visit(tab, here())).toMatchObject({ content: 'content' });
      });

      it('it says what may be wrong where a repository does not let pages read', async () => {
        const closed = await serve(sim, {});
        const { error } = await visit(tab, here({ urls: visitTo(closed.url, gun, '').urls }));
        expect(error).toMatchObject({ code: 'network' });
        expect(error?.next).toContain(`not let pages of ${site.origin} read this (CORS`);
        await closed.close();
      });

      it.each(['WebCrypto', 'a script'])('it judges every vector as Node does, Ed25519 by %s', async (how) => {
        if (how === 'a script') await forgetEd25519(tab);
        const expected = await judge(nodeCrypto, VECTORS);
        expect(Object.values(expected).filter((verdict) => verdict === 'signed').length).toBeGreaterThan(10);
        expect(Object.keys(expected).length).toBeGreaterThan(VECTORS.keys.length);
        expect(await judgeInPage(tab, VECTORS)).toEqual(expected);
      });
    },
  );
