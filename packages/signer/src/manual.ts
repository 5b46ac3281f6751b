import { OPTIONS, type Option, type OptionSchema } from './options.js';

/** The manual of the configuration file, as Markdown; `docs/config-signer.md` is a copy. */
export function configManual(): string {
  const rows = OPTIONS.map(
    (option) => `| \`${option.name}\` | ${cell(typeOf(option.schema))} | ${defaultOf(option)} | ${cell(option.doc)} |`,
  );
  const secrets = OPTIONS.flatMap(({ name, secret }) => (secret === undefined ? [] : [`- \`${name}\`: ${secret}`]));
  return `# countersign-signer: options

The configuration file is JSON; a dot in a name is one level of nesting. Relative file names are relative to the file.

| option | type | default | meaning |
|---|---|---|---|
${rows.join('\n')}

## Secrets

Never from flags:

${secrets.join('\n')}
`;
}

function defaultOf(option: Option): string {
  if (option.default !== undefined) return `\`${JSON.stringify(option.default)}\``;
  return option.optional === true ? '' : '*must be set*';
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

/** What a value may be, in words. */
function typeOf(schema: OptionSchema): string {
  const { type, minimum, maximum, items } = schema as {
    readonly type?: string;
    readonly minimum?: number;
    readonly maximum?: number;
    readonly items?: OptionSchema;
  };
  const choices = schema['enum'] as readonly unknown[] | undefined;
  if (choices !== undefined) return choices.map((value) => `\`${JSON.stringify(value)}\``).join(', ');
  if (type === 'integer') return `whole number, ${minimum ?? 0} to ${maximum ?? 'any'}`;
  if (type === 'array') return `list of ${typeOf(items ?? {})}s`;
  return type === 'object' ? 'object' : 'text';
}
