/**
 * Who may import whom (design §1), as data. Paths are relative to the repository, with `/`.
 *
 * A rule covers the files that match `files` and not `except`. With `allow`, whatever they import must match one of its
 * patterns; with `deny`, nothing they import may match. A pattern is tried on a file's path, or on a package's
 * specifier. `typesOnly` patterns are allowed where the import leaves no trace at run time.
 *
 * @typedef {{
 *   says: string,
 *   files: RegExp,
 *   except?: RegExp,
 *   allow?: readonly RegExp[],
 *   typesOnly?: readonly RegExp[],
 *   deny?: readonly RegExp[],
 * }} Rule
 */

const TUF = /^packages\/client\/src\/tuf\//u;
const FORMATS = /^packages\/client\/src\/tuf\/formats\/(?:tuf1|notary1)[^/]*\.ts$/u;
const CORE = /^@countersign\/client\/tuf$/u;
const PROPOSAL = /^@countersign\/client\/tuf\/proposal$/u;
const SIGNER_WIRE = /^@countersign\/signer\/wire$/u;
const COLLECTION = /^packages\/server\/src\/collection\//u;
const HTTP = /^packages\/server\/src\/http\//u;
const AUTH = /^packages\/server\/src\/auth\//u;
const STORE = /^packages\/server\/src\/store\//u;
const SIGNER_CLIENT = /^packages\/server\/src\/signer(?:\.ts$|\/|-)/u;
const NOTARY = /^packages\/server\/src\/notary\//u;
const METRICS = /^packages\/server\/src\/metrics\.ts$/u;
const JOINERS = /^packages\/server\/src\/(?:app|main)\.ts$/u;
const OURS = /^(?:packages\/|@countersign\/)/u;
const NODE = /^node:/u;
const KOA = /^koa(?:\/|$)/u;
const KNEX = /^knex(?:\/|$)/u;

/** The client's folders for the web platform, each resting on those before it alone. */
const LAYERS = ['http', 'cache', 'reading', 'bundle', 'publishing', 'coming-over'];

/** @returns {Rule} */
function layer(folder, place) {
  const above = [...LAYERS.slice(place + 1).map((name) => `${name}/`), 'index\\.ts$'].join('|');
  return {
    says: `client/src/${folder} imports no folder above it (${LAYERS.join(' < ')})`,
    files: new RegExp(`^packages/client/src/${folder}/`, 'u'),
    deny: [new RegExp(`^packages/client/src/(?:${above})`, 'u')],
  };
}

/** @type {readonly Rule[]} */
export const RULES = [
  {
    says: 'client/src/tuf imports nothing outside itself',
    files: TUF,
    allow: [TUF],
  },
  {
    says: 'formats/tuf1 and formats/notary1 are imported by formats/index and tests alone',
    files: /^packages\//u,
    except: /^packages\/client\/src\/tuf\/formats\/(?:index|tuf1[^/]*|notary1[^/]*)\.ts$/u,
    deny: [FORMATS],
  },
  {
    says: 'one format does not know the other',
    files: /^packages\/client\/src\/tuf\/formats\/tuf1[^/]*\.ts$/u,
    deny: [/\/formats\/notary1/u],
  },
  {
    says: 'one format does not know the other',
    files: /^packages\/client\/src\/tuf\/formats\/notary1[^/]*\.ts$/u,
    deny: [/\/formats\/tuf1/u],
  },
  {
    says: 'client/src is for the web platform: it imports neither browser, node, cli nor another package of ours',
    files: /^packages\/client\/src\/(?!(?:tuf|browser|node|cli)\/).+\.ts$/u,
    deny: [/^packages\/client\/src\/(?:browser|node|cli)\//u, NODE, /^packages\/(?!client\/)/u, /^@countersign\//u],
  },
  ...LAYERS.map(layer),
  {
    says: 'client/src/browser is for pages and workers: it imports neither node, cli nor another package of ours',
    files: /^packages\/client\/src\/browser\//u,
    deny: [/^packages\/client\/src\/(?:node|cli)\//u, NODE, /^packages\/(?!client\/)/u, /^@countersign\//u],
  },
  {
    says: 'client/src/node does not import the command, nor the server, nor the signer',
    files: /^packages\/client\/src\/node\//u,
    deny: [/^packages\/client\/src\/(?:browser|cli)\//u, /^packages\/(?!client\/)/u, /^@countersign\//u],
  },
  {
    says: 'the command imports the library only',
    files: /^packages\/client\/src\/cli\//u,
    deny: [/^packages\/(?!client\/)/u, /^@countersign\/(?:server|signer)/u],
  },
  {
    says: 'server/src/collection imports only @countersign/client/tuf',
    files: COLLECTION,
    allow: [COLLECTION, CORE, PROPOSAL],
  },
  {
    says: '@countersign/client/tuf/proposal is for server/src/collection alone',
    files: /^packages\//u,
    except: COLLECTION,
    deny: [PROPOSAL],
  },
  {
    says: 'server/src/http imports collection, never store or signer',
    files: HTTP,
    deny: [STORE, SIGNER_CLIENT, JOINERS, /^packages\/(?!server\/)/u, SIGNER_WIRE, KNEX],
  },
  {
    says: 'server/src/http knows the port of server/src/auth alone',
    files: HTTP,
    deny: [/^packages\/server\/src\/auth\/(?!authorizer\.ts$)/u],
  },
  {
    says: 'server/src/auth stands alone: no collection, http, store or signer',
    files: AUTH,
    deny: [COLLECTION, HTTP, STORE, SIGNER_CLIENT, JOINERS, /^packages\/(?!server\/)/u, SIGNER_WIRE, KNEX],
  },
  {
    says: 'server/src/store imports collection, never http or signer',
    files: STORE,
    deny: [HTTP, AUTH, SIGNER_CLIENT, JOINERS, /^packages\/(?!server\/)/u, SIGNER_WIRE],
  },
  {
    says: 'server/src/signer imports collection, never http or store',
    files: SIGNER_CLIENT,
    deny: [HTTP, STORE, AUTH, JOINERS, /^packages\/(?!server\/)/u, KNEX],
  },
  {
    says: "server/src/notary reads Notary's tables and imports collection, never http, store, auth or signer",
    files: NOTARY,
    deny: [HTTP, STORE, AUTH, SIGNER_CLIENT, JOINERS, /^packages\/(?!server\/)/u, SIGNER_WIRE],
  },
  {
    says: "the server takes the signer's wire as types only",
    files: /^packages\/server\/src\//u,
    deny: [/^@countersign\/signer/u, /^packages\/signer\//u],
    typesOnly: [SIGNER_WIRE],
  },
  {
    says: 'the launcher stands beside the server and imports none of its parts',
    files: /^packages\/server\/src\/local\//u,
    deny: [COLLECTION, HTTP, AUTH, STORE, SIGNER_CLIENT, JOINERS],
  },
  {
    says: 'nothing but the launcher itself imports server/src/local',
    files: /^packages\//u,
    except: /^packages\/server\/src\/local\//u,
    deny: [/^packages\/server\/src\/local\//u],
  },
  {
    says: 'the signer imports only @countersign/client/tuf of ours',
    files: /^packages\/signer\/src\//u,
    deny: [/^packages\/(?!signer\/)/u, /^@countersign\/(?!client\/tuf$)/u],
  },
  {
    says: 'koa only in app.ts and http/',
    files: /^packages\//u,
    except: /^packages\/(?:server|signer)\/src\/(?:app\.ts$|http\/)/u,
    deny: [KOA],
  },
  {
    says: "knex only in store, migrations and what reads Notary's tables",
    files: /^packages\//u,
    except: /^packages\/(?:server|signer)\/src\/(?:store(?:\.ts$|\/)|connect\.ts$|notary\/(?:connect|database)\.ts$)/u,
    deny: [KNEX],
  },
  {
    says: 'prom-client only in server/src/metrics.ts, which stands around the ports of collection and http',
    files: /^packages\//u,
    except: METRICS,
    deny: [/^prom-client$/u],
  },
  {
    says: 'server/src/metrics.ts knows neither store, auth nor the signer',
    files: METRICS,
    deny: [STORE, AUTH, SIGNER_CLIENT, JOINERS, /^packages\/(?!server\/)/u, SIGNER_WIRE, KOA, KNEX],
  },
  {
    says: 'migrations import nothing of ours',
    files: /^migrations\//u,
    deny: [OURS, /^(?:test|scripts|bench)\//u],
  },
];

/** Where the global `process` (and `node:process`) may be used. */
export const PROCESS_ALLOWED =
  /^packages\/(?:[^/]+\/src\/main\.ts$|[^/]+\/bin\/|client\/src\/cli\/|server\/src\/local\/)/u;

/** A file has one subject; past this many lines it has two. */
export const MOST_LINES = 300;
