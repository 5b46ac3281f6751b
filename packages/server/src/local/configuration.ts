import { CLIENT_NAME } from './certificates.js';
import { writeAtomically, type DataDirectory } from './data-directory.js';
import { formatAddress, type Address } from './settings.js';

/** Where the three listeners are. */
export interface Addresses {
  readonly https: Address;
  readonly http: Address;
  readonly signer: Address;
}

/**
 * Writes the configuration files of both processes anew: in a local installation they follow from the settings and the
 * layout, and nobody edits them.
 */
export function writeConfigurations(data: DataDirectory, { https, http, signer }: Addresses): void {
  write(data.signerConfig, {
    listen: formatAddress(signer),
    tls: {
      certificate: data.signerTls.certificate,
      key: data.signerTls.key,
      clientCa: data.authority.certificate,
      clients: [CLIENT_NAME],
    },
    database: { client: 'sqlite', file: data.signerDatabase },
    keks: [{ alias: 'local', passphraseFile: data.passphrase }],
    log: { file: data.signerLog },
  });
  write(data.serverConfig, {
    listen: { https: formatAddress(https), http: formatAddress(http) },
    tls: { certificate: data.serverTls.certificate, key: data.serverTls.key },
    database: { sqlite: data.serverDatabase },
    targetFiles: { kept: 'directory', directory: data.targets },
    signer: {
      url: `https://${formatAddress(signer)}`,
      ca: data.authority.certificate,
      certificate: data.clientTls.certificate,
      key: data.clientTls.key,
    },
  });
}

function write(path: string, configuration: object): void {
  writeAtomically(path, `${JSON.stringify(configuration, undefined, 2)}\n`, 'owner');
}
