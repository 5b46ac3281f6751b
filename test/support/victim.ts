// A server or a signer in a process of its own, which kills itself at the call its parent names:
// node --conditions=source --import typescript.mjs victim.ts server|signer CONFIG
import { instant, type Instant } from '@countersign/client/tuf';
import type { Config as ServerConfig } from '../../packages/server/src/config.js';
import { startServer } from '../../packages/server/src/index.js';
import type { Config as SignerConfig } from '../../packages/signer/src/config.js';
import { startSigner } from '../../packages/signer/src/signer.js';
import { KeyStore } from '../../packages/signer/src/store.js';
import { Faults, type Call } from './faults.js';
import { SIGNER_PARTS, SILENT } from './world.js';

/** What the parent sends: die at this call, counted from now. */
export type Order = Pick<Call, 'number' | 'when'>;

/** What the victim sends: where it listens; that an order is taken. */
export type Word = { readonly url: string } | 'armed';

const [kind, config = ''] = process.argv.slice(2);
const clock = (): Instant => instant(Date.now());
const faults = new Faults();

const say = (word: Word): void => void process.send?.(word);

process.on('disconnect', () => process.exit(1));
process.on('message', ({ number, when }: Order) => {
  faults.reset((call) => {
    if (call.number === number && call.when === when) process.kill(process.pid, 'SIGKILL');
  });
  say('armed');
});
say({ url: kind === 'server' ? await serve() : await sign() });

async function serve(): Promise<string> {
  const server = await startServer(JSON.parse(config) as ServerConfig, { clock, log: SILENT, wrap: faults.wrap });
  return server.urls[0]!;
}

/** A signer's one port is its store, a class. */
async function sign(): Promise<string> {
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(KeyStore.prototype))) {
    if (typeof value !== 'function' || name === 'constructor' || name === 'close') continue;
    const method = value as (...args: unknown[]) => Promise<unknown>;
    Object.defineProperty(KeyStore.prototype, name, {
      value(this: KeyStore, ...args: unknown[]) {
        return faults.step(`keys.${name}`, () => method.apply(this, args));
      },
    });
  }
  const signer = await startSigner(JSON.parse(config) as SignerConfig, SILENT, { ...SIGNER_PARTS, clock });
  return signer.url;
}
