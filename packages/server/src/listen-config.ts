import { CountersignError } from '@countersign/client/tuf';
import { required, wrong } from './option-values.js';
import type { AccessRules } from './http/access.js';
import type { OptionValues } from './options.js';

export interface Address {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** PEM files. */
export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
}

/** Where to listen: on at least one of the two. */
export interface ListenConfig {
  readonly https: (Address & { readonly tls: TlsFiles }) | undefined;
  readonly http: Address | undefined;
  readonly access: AccessRules;
  readonly metrics: boolean;
  readonly insecureListenWithoutAuthentication: boolean;
}

/**
 * Refuses to listen beyond loopback without authentication.
 * @throws CountersignError `usage`
 */
export function checkExposure(config: ListenConfig & { readonly auth: object | undefined }): void {
  if (config.insecureListenWithoutAuthentication || config.auth !== undefined) return;
  for (const address of [config.https, config.http]) {
    if (address === undefined || isLoopback(address.host)) continue;
    throw new CountersignError(
      'usage',
      `listening on ${address.host} without authentication would let anybody who reaches it publish`,
      {
        next: 'Listen on 127.0.0.1, or set up "auth", or put an authenticating proxy in front and start with --insecure-no-authentication.',
      },
    );
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/u.test(host);
}

/** @throws CountersignError `usage` */
export function readListen(values: OptionValues, file: (name: string) => string): ListenConfig {
  const https = values['listen.https'];
  const http = values['listen.http'];
  if (https === undefined && http === undefined) throw wrong('one of listen.https and listen.http must be set');
  const addresses = {
    https:
      https === undefined
        ? undefined
        : {
            ...readAddress('listen.https', https),
            tls: { certificate: file(required(values, 'tls.certificate')), key: file(required(values, 'tls.key')) },
          },
    http: http === undefined ? undefined : readAddress('listen.http', http),
  };
  return {
    ...addresses,
    access: readAccess(values, [addresses.https, addresses.http]),
    metrics:
      values.metrics === 'on' || (values.metrics === 'loopback' && !isExposed([addresses.https, addresses.http])),
    insecureListenWithoutAuthentication: values.insecureListenWithoutAuthentication,
  };
}

function readAccess(values: OptionValues, addresses: readonly (Address | undefined)[]): AccessRules {
  const names = values['listen.names'];
  const exposed = isExposed(addresses);
  return {
    hosts: exposed && names.length === 0 ? undefined : new Set(names.map((name) => name.toLowerCase())),
    origins: new Set(values['listen.allowedOrigins']),
  };
}

function isExposed(addresses: readonly (Address | undefined)[]): boolean {
  return addresses.some((address) => address !== undefined && !isLoopback(address.host));
}

function readAddress(option: string, text: string): Address {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (port > 65_535) throw wrong(`${option} has a port above 65535`);
  return { host: text.slice(0, colon).replace(/^\[|\]$/gu, ''), port };
}
