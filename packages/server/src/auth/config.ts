import { required, wrong } from '../option-values.js';
import type { OptionValues } from '../options.js';

/** How tokens are checked. */
export interface TokenConfig {
  readonly issuer: string;
  readonly service: string;
  readonly realm: { readonly url: string } | 'host';
  /** PEM file. */
  readonly bundle: string;
}

const NAMES = ['auth.realm', 'auth.issuer', 'auth.service', 'auth.rootcertbundle'] as const;

/** @returns undefined for a server without authentication @throws CountersignError `usage` */
export function readAuth(values: OptionValues, file: (name: string) => string): TokenConfig | undefined {
  if (values['auth.type'] === 'none') {
    const idle = values['auth.autoredirect'] ? 'auth.autoredirect' : NAMES.find((name) => values[name] !== undefined);
    // Or a forgotten line would open the server.
    if (idle !== undefined) throw wrong(`${idle} means nothing unless auth.type is "token"`);
    return undefined;
  }
  if (values['auth.autoredirect'] && values['listen.names'].length === 0)
    throw wrong('auth.autoredirect needs listen.names: clients are sent to the host they asked for');
  return {
    issuer: required(values, 'auth.issuer'),
    service: required(values, 'auth.service'),
    realm: values['auth.autoredirect'] ? 'host' : { url: required(values, 'auth.realm') },
    bundle: file(required(values, 'auth.rootcertbundle')),
  };
}
