import type { Instant } from '@countersign/client/tuf';
import { watchFiles } from '../certificates.js';
import type { Log } from '../log.js';
import { ANYBODY, type Authorizer } from './authorizer.js';
import { readBundle } from './bundle.js';
import type { TokenConfig } from './config.js';
import { TokenAuthorizer } from './token.js';

export interface OpenAuthorizer extends Authorizer {
  close(): void;
}

/**
 * The authorizer a configuration asks for; without one, `ANYBODY`. The bundle is read again when it changes; one that cannot
 * be used leaves the old one in force.
 * @throws CountersignError `usage` where the bundle cannot be used
 */
export async function openAuthorizer(
  config: TokenConfig | undefined,
  { clock, log }: { readonly clock: () => Instant; readonly log: Log },
): Promise<OpenAuthorizer> {
  if (config === undefined) return { ...ANYBODY, close: () => undefined };
  let bundle = await readBundle(config.bundle);
  const watch = watchFiles([config.bundle], () => {
    readBundle(config.bundle)
      .then((next) => {
        bundle = next;
        log.info({ bundle: config.bundle, certificates: next.certificates.length }, 'token certificates read again');
      })
      .catch((error: unknown) => log.error({ err: error }, 'token certificates are not usable; the old ones stay'));
  });
  const { issuer, service, realm } = config;
  const tokens = new TokenAuthorizer({ issuer, service, realm, bundle: () => bundle, clock });
  return { authorize: (asking, access) => tokens.authorize(asking, access), close: () => watch.stop() };
}
