import { ANYBODY } from '../auth/authorizer.js';
import { STATUS } from '@countersign/client/wire';
import type { Answers } from './answers.js';
import { OPEN_ACCESS } from './access.js';
import { routes } from './handler.js';
import { OFFER_ALL } from './offer.js';
import { DEFAULT_HTTP_LIMITS } from './limits.js';
import type { Call, CollectionCall, HttpDeps, Route } from './route.js';

type AnyRoute = Route<Call> | Route<CollectionCall>;
type Described = Readonly<Record<string, unknown>>;

const PARAMETERS: Readonly<Record<string, Described>> = {
  gun: { type: 'string', description: 'The name of the collection, slashes and all.' },
  role: { type: 'string', description: 'The name of a role; a slash in it is %2F.' },
  online: { enum: ['timestamp', 'snapshot'] },
  version: { type: 'integer', minimum: 1 },
  hash: { type: 'string', pattern: '^([0-9a-f]{64}|[0-9a-f]{128})$' },
  directory: {
    type: 'string',
    description: 'The directories of the target path, with a slash at the end, or nothing.',
  },
  name: { type: 'string', description: 'The file name of the target path.' },
};

const ERROR: Described = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'message'],
      properties: {
        code: { enum: Object.keys(STATUS).sort(), description: 'What was prevented, for programs.' },
        message: { type: 'string' },
        next: { type: 'string', description: 'What to do about it.' },
        detail: { type: 'object' },
      },
    },
  },
};

const BODIES: Readonly<Record<Exclude<AnyRoute['body'], 'none'>, Described>> = {
  upload: form(
    {
      files: files('One part for each metadata file; its file name is the role.'),
      targets: { enum: ['anywhere', 'hosted'], description: '`hosted`: every newly named target is here already.' },
      abandon: { type: 'array', items: { type: 'string' }, description: 'Roles this may leave unverifiable.' },
    },
    ['files'],
  ),
  import: form(
    {
      history: files(
        'The root chain, each file named `<version>.root`, and what is current, named by its role: timestamp, snapshot and all they lead to.',
      ),
      next: files('The root that follows here, and a snapshot where its owner signs that.'),
    },
    ['history'],
  ),
  past: form(
    {
      '{version}.{role}': files(
        'Earlier versions, each file named `<version>.<role>`; the part is named after the stored file that lists the keys of the role.',
      ),
    },
    [],
  ),
  target: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
};

function files(description: string): Described {
  return { type: 'array', items: { type: 'string', format: 'binary' }, description };
}

function form(properties: Described, required: readonly string[]): Described {
  return {
    'multipart/form-data': {
      schema: { type: 'object', ...(required.length === 0 ? {} : { required }), properties },
    },
  };
}

/** The HTTP interface as an OpenAPI document, from the very table that answers; `docs/openapi.json` is a copy. */
export function openApi(): Described {
  const paths: Record<string, Record<string, Described>> = {};
  for (const route of allRoutes()) (paths[route.path] ??= {})[route.method.toLowerCase()] = operation(route);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Countersign server',
      version: '1',
      description:
        'Metadata in the TUF 1.0 form. A name of a collection may hold slashes, which a path parameter of OpenAPI cannot: everything before the first `/_trust/` is the name. Every GET answers HEAD too.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: { schemas: { Error: ERROR } },
  };
}

/** Every route there is. Nothing is behind them: they are only looked at. */
export function allRoutes(): readonly AnyRoute[] {
  const nobody = new Proxy({}, { get: () => () => Promise.reject(new Error('only for documentation')) });
  const log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
  const table = routes({
    collections: nobody as HttpDeps['collections'],
    limits: DEFAULT_HTTP_LIMITS,
    access: OPEN_ACCESS,
    offer: OFFER_ALL,
    meter: undefined,
    authorizer: ANYBODY,
    log,
  });
  return [...table.service, ...table.tuf, ...table.targets, ...table.changefeed, ...table.import];
}

const nothing = (): void => undefined;

function operation(route: AnyRoute): Described {
  const names = [...route.path.matchAll(/\{(\w+)\}/gu)].map((match) => match[1] ?? '');
  const parameters = [
    ...names.map((name) => ({ name, in: 'path', required: true, schema: PARAMETERS[name] ?? { type: 'string' } })),
    ...(route.query ?? []).map((query) => ({ ...query, in: 'query' })),
  ];
  return {
    summary: route.doc,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === 'none' ? {} : { requestBody: { required: true, content: BODIES[route.body] } }),
    responses: responses(route.answers),
  };
}

function responses({ status, says, type, schema, conditional }: Answers): Described {
  return {
    [status]: { description: says, content: { [type]: { schema } } },
    ...(conditional ? { 304: { description: 'What `If-None-Match` names is still what is here.' } } : {}),
    default: {
      description: 'A refusal; nothing was changed.',
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
    },
  };
}
