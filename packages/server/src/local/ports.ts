import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CountersignError } from '@countersign/client/tuf';
import { hasErrno } from './errno.js';
import { formatAddress, type Address } from './settings.js';

/** The processes of a launcher that was killed need a moment to notice and to let go of their ports. */
const PATIENCE_MS = 5_000;
const STEP_MS = 200;

/**
 * The address with a port that is free now: its own, or for port 0 any. Chosen before the processes start, so that one
 * that is started again comes back under the same address.
 * @throws CountersignError `usage` if the port is taken, naming `setting` as what to change
 */
export async function freeAddress(address: Address, setting: string): Promise<Address> {
  for (let waited = 0; ; waited += STEP_MS) {
    try {
      return { host: address.host, port: await tryPort(address) };
    } catch (cause) {
      if (!hasErrno(cause, 'EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL')) throw cause;
      if (cause.code === 'EADDRINUSE' && waited < PATIENCE_MS) {
        await sleep(STEP_MS);
        continue;
      }
      throw new CountersignError('usage', `cannot listen on ${formatAddress(address)}: ${reason(cause.code)}`, {
        next: `Set ${setting} to another host:port, for example ${formatAddress({ ...address, port: 0 })} for any free port.`,
        cause,
      });
    }
  }
}

function reason(code: string | undefined): string {
  if (code === 'EADDRINUSE') return 'something else listens there';
  return code === 'EACCES' ? 'not allowed' : 'this machine does not have that address';
}

function tryPort({ host, port }: Address): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === 'object' && bound !== null ? bound.port : port));
    });
  });
}
