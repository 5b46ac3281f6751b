import { Installation } from '../../e2e/installation.js';
import { missingForPeer } from './build-peer.js';
import { chosenTrustServer, type TrustServerKind } from './chosen.js';
import { startPeer } from './peer.js';

/** A server of the Notary protocol that other people's programs are pointed at. It starts without collections. */
export interface TrustServer {
  readonly kind: TrustServerKind;
  readonly url: string;
  /** The same server over plain HTTP. */
  readonly plainUrl: string;
  /** The certificate authority of `url`, PEM. */
  readonly caFile: string;
  stop(): Promise<void>;
}

/** What the chosen server lacks on this machine. */
export function missingForTrustServer(): readonly string[] {
  return chosenTrustServer() === 'go' ? missingForPeer() : [];
}

export async function startTrustServer(): Promise<TrustServer> {
  return chosenTrustServer() === 'go' ? startPeer() : startCountersign();
}

/** As `npm start` runs it, on free ports and a data directory of its own. */
async function startCountersign(): Promise<TrustServer> {
  const installation = new Installation();
  const launched = installation.launch();
  const url = await launched.ready();
  const plainUrl = /http:\/\/\S+/u.exec(await launched.says('Stop with Ctrl-C.'))![0];
  return {
    kind: 'countersign',
    url,
    plainUrl,
    caFile: installation.path('tls/ca.crt'),
    async stop() {
      await launched.stop();
      await installation.remove();
    },
  };
}
