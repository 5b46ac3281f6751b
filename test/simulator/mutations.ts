/** JSON as `JSON.parse` makes it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

export type Path = readonly (string | number)[];

/** One change of one place in a JSON text. */
export interface Change {
  readonly path: Path;
  /** What was done to the place, in words. */
  readonly how: string;
  /** The whole afterwards. */
  readonly value: Json;
  /** The member that the text has twice. */
  readonly twice?: Path;
}

const GONE = Symbol('gone');
type Variant = readonly [how: string, value: Json | typeof GONE];

/** Every place in `value` changed in every way, one at a time; the outermost value itself stays. */
export function* changes(value: Json): Generator<Change> {
  for (const path of placesIn(value, [])) {
    const place = at(value, path);
    for (const [how, next] of variants(place))
      if (!isSame(place, next)) yield { path, how, value: replaced(value, path, next) };
    if (typeof path.at(-1) === 'string') yield { path, how: 'twice', value, twice: path };
  }
}

function* placesIn(value: Json, path: Path): Generator<Path> {
  if (path.length > 0) yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [name, member] of Object.entries<Json>(value as Readonly<Record<string, Json>>))
    yield* placesIn(member, [...path, Array.isArray(value) ? Number(name) : name]);
}

function variants(value: Json): readonly Variant[] {
  return [['removed', GONE], ['null', null], ['of another type', otherType(value)], ...otherValues(value)];
}

function otherType(value: Json): Json {
  if (Array.isArray(value)) return {};
  switch (typeof value) {
    case 'string':
      return 1;
    case 'number':
    case 'boolean':
      return String(value);
    default:
      return [];
  }
}

function otherValues(value: Json): readonly Variant[] {
  if (isList(value)) {
    const last = value.slice(-1);
    return [
      ['empty', []],
      ['its last twice', [...value, ...last]],
      ['with null behind', [...value, null]],
    ];
  }
  switch (typeof value) {
    case 'string':
      return [
        ['empty', ''],
        ['with x behind', `${value}x`],
        ['its first character changed', (value.startsWith('2') ? '3' : '2') + value.slice(1)],
      ];
    case 'number':
      return [
        ['one more', value + 1],
        ['one less', value - 1],
        ['0', 0],
        ['-1', -1],
        ['a fraction', value + 0.5],
        ['2^53', 2 ** 53],
      ];
    case 'boolean':
      return [['the other', !value]];
    default:
      return value === null
        ? [['an object', {}]]
        : [
            ['empty', {}],
            ['with a member more', { ...value, 'x-more': 1 }],
          ];
  }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isSame(before: Json, after: Json | typeof GONE): boolean {
  return after !== GONE && JSON.stringify(before) === JSON.stringify(after);
}

export function at(value: Json, path: Path): Json {
  return path.reduce<Json>((inner, step) => (inner as Record<string | number, Json>)[step]!, value);
}

function replaced(value: Json, [step, ...rest]: Path, by: Json | typeof GONE): Json {
  const change = (inner: Json): Json | typeof GONE => (rest.length === 0 ? by : replaced(inner, rest, by));
  if (isList(value))
    return value.flatMap((item, index) => {
      const next = index === step ? change(item) : item;
      return next === GONE ? [] : [next];
    });
  return Object.fromEntries(
    Object.entries(value as Record<string, Json>).flatMap(([name, member]) => {
      const next = name === step ? change(member) : member;
      return next === GONE ? [] : [[name, next]];
    }),
  );
}

/** The text of a value, one member of it twice where `twice` leads to one. */
export function written(value: Json, twice?: Path): string {
  if (isList(value)) return `[${value.map((item, index) => written(item, behind(twice, index))).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).flatMap(([name, member]) => {
    const text = `${JSON.stringify(name)}:${written(member, behind(twice, name))}`;
    return twice?.length === 1 && twice[0] === name ? [text, text] : [text];
  });
  return `{${members.join(',')}}`;
}

function behind(path: Path | undefined, step: string | number): Path | undefined {
  return path !== undefined && path.length > 1 && path[0] === step ? path.slice(1) : undefined;
}

/** A path as one reads it, `signed.roles[].name`; target paths and key ids, of which any will do, as `*`. */
export function described(path: Path): string {
  return path.reduce<string>((text, step, index) => {
    if (typeof step === 'number') return `${text}[]`;
    const before = path[index - 1];
    const isAny = before === 'keys' || (before === 'targets' && index === 2);
    return `${text}${index === 0 ? '' : '.'}${isAny ? '*' : step}`;
  }, '');
}
