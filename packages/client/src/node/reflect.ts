/**
 * `@peculiar/x509` finds its parts through tsyringe, which keeps notes about classes with the Reflect metadata proposal.
 * These three functions are all it uses of it: notes by name, per class, inherited when read with `getMetadata`.
 */
interface MetadataReflect {
  getMetadata?: (name: unknown, target: object) => unknown;
  getOwnMetadata?: (name: unknown, target: object) => unknown;
  defineMetadata?: (name: unknown, value: unknown, target: object) => void;
}

const notes = new WeakMap<object, Map<unknown, unknown>>();

function own(name: unknown, target: object): unknown {
  return notes.get(target)?.get(name);
}

function inherited(name: unknown, target: object): unknown {
  for (let at: object | null = target; at !== null; at = Reflect.getPrototypeOf(at)) {
    if (notes.get(at)?.has(name) === true) return own(name, at);
  }
  return undefined;
}

function define(name: unknown, value: unknown, target: object): void {
  const about = notes.get(target) ?? new Map<unknown, unknown>();
  notes.set(target, about.set(name, value));
}

const reflect = Reflect as typeof Reflect & MetadataReflect;
// All three or none: a polyfill that is there already keeps its own notes.
if (reflect.getMetadata === undefined) {
  reflect.getMetadata = inherited;
  reflect.getOwnMetadata = own;
  reflect.defineMetadata = define;
}
