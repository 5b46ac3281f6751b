import { similar } from '@countersign/client/similar';
import { Ajv, type ErrorObject } from 'ajv';
import { CountersignError } from '@countersign/client/tuf';
import { OPTIONS, type Option, type OptionValues } from './options.js';

/** What is wrong with a configuration. */
export function wrong(message: string, cause?: unknown): CountersignError {
  return new CountersignError('usage', message, {
    cause,
    next: 'countersign-server config-manual explains every option.',
  });
}

type Optional = { [K in keyof OptionValues]: undefined extends OptionValues[K] ? K : never }[keyof OptionValues];

export function required(values: OptionValues, name: Optional): string {
  return values[name] ?? missing(name);
}

export function missing(what: string, cause?: unknown): never {
  throw wrong(`${what} is missing`, cause);
}

interface ObjectSchema {
  readonly type: 'object';
  readonly additionalProperties: false;
  readonly properties: Record<string, unknown>;
}

function objectSchema(): ObjectSchema {
  return { type: 'object', additionalProperties: false, properties: {} };
}

/** The table as one JSON Schema. No option is nested deeper than one level. */
function schema(): ObjectSchema {
  const top = objectSchema();
  for (const [path, option] of Object.entries<Option<unknown>>(OPTIONS)) {
    const [group = '', name] = path.split('.');
    if (name === undefined) top.properties[group] = option.schema;
    else ((top.properties[group] ??= objectSchema()) as ObjectSchema).properties[name] = option.schema;
  }
  return top;
}

/**
 * The options in a configuration as its file holds it, defaults filled in.
 * @throws CountersignError `usage` naming every option that is unknown or wrong
 */
export function readValues(document: unknown): OptionValues {
  const validate = new Ajv({ allErrors: true }).compile<Record<string, unknown>>(schema());
  if (!validate(document)) {
    const problems = (validate.errors ?? []).map(explain).join('; ');
    throw wrong(`the configuration is wrong: ${problems}`);
  }
  const values = Object.entries<Option<unknown>>(OPTIONS).map(([path, option]) => {
    const [group = '', name] = path.split('.');
    const found =
      name === undefined ? document[group] : (document[group] as Record<string, unknown> | undefined)?.[name];
    return [path, found ?? option.fallback] as const;
  });
  return Object.fromEntries(values) as OptionValues;
}

function explain(error: ErrorObject): string {
  const at = error.instancePath.slice(1).replaceAll('/', '.');
  if (error.keyword !== 'additionalProperties') return `${at === '' ? 'it' : at} ${demand(error)}${allowed(error)}`;
  const { additionalProperty } = error.params as { additionalProperty: string };
  const name = at === '' ? additionalProperty : `${at}.${additionalProperty}`;
  const known = Object.keys(OPTIONS);
  const groups = known.map((option) => option.split('.')[0] ?? option);
  const meant = similar(name, at === '' ? [...known, ...groups] : known);
  return `there is no option ${name}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`;
}

const TYPES: Readonly<Record<string, string>> = {
  object: 'an object',
  array: 'a list',
  integer: 'a whole number',
  string: 'text',
  boolean: 'true or false',
};

function demand({ keyword, message, params }: ErrorObject): string {
  const type: unknown = (params as { type?: unknown }).type;
  const words = keyword === 'type' && typeof type === 'string' ? TYPES[type] : undefined;
  return words === undefined ? (message ?? 'is wrong') : `must be ${words}`;
}

function allowed(error: ErrorObject): string {
  const { allowedValues } = error.params as { allowedValues?: readonly string[] };
  return allowedValues === undefined ? '' : ` (${allowedValues.join(', ')})`;
}
