import { OPTIONS, type Option } from './options.js';

/** The manual of the configuration file, as Markdown; `docs/config-server.md` is a copy. */
export function configManual(): string {
  const options = Object.entries<Option<unknown>>(OPTIONS);
  const rows = options.map(
    ([name, { schema, fallback, doc }]) =>
      `| \`${name}\` | ${cell(typeOf(schema))} | ${fallback === undefined ? '' : `\`${JSON.stringify(fallback)}\``} | ${cell(doc)} |`,
  );
  const secrets = options.flatMap(([name, { secret }]) => (secret === undefined ? [] : [`- \`${name}\`: ${secret}`]));
  return `# countersign-server: options

The configuration file is JSON; a dot in a name is one level of nesting. Relative file names are relative to the file. An
option without default is off, or another is used instead.

| option | type | default | meaning |
|---|---|---|---|
${rows.join('\n')}

## Secrets

They come from files or the environment, never from flags, and never stand in the configuration file itself:

${secrets.join('\n')}
`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

interface Schema {
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
}

/** What a value may be, in words. */
function typeOf(schema: Schema): string {
  const { type, minimum, maximum, items } = schema;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(', ');
  if (type === 'integer') {
    const open = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER;
    return `whole number, ${minimum ?? 0} ${open ? 'or more' : `to ${maximum}`}`;
  }
  if (type === 'array') return `list of ${typeOf(items ?? {})}s`;
  if (type === 'boolean') return '`true` or `false`';
  return 'text';
}
