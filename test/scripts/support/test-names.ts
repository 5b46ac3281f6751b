import ts from 'typescript';

/** What joins the titles of a test and of the suites around it, as in Vitest's reports. */
export const BETWEEN_TITLES = ' > ';

/** The full names of all tests of a file, as the source has them: where a test runs for a table, `%s` and `$name` stand. */
export function testNames(source: string): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: ts.Node, suites: readonly string[]): void => {
    const [kind, title] = titled(node);
    if (kind === 'test') names.add([...suites, title].join(BETWEEN_TITLES));
    ts.forEachChild(node, (child) => visit(child, kind === 'suite' ? [...suites, title] : suites));
  };
  visit(ts.createSourceFile('x.ts', source, ts.ScriptTarget.Latest), []);
  return names;
}

type Titled = readonly ['suite' | 'test', string] | readonly ['neither'];

/** `describe('…')`, `it('…')`, and both with `.each(…)` and the like in between. */
function titled(node: ts.Node): Titled {
  if (!ts.isCallExpression(node)) return ['neither'];
  const [title] = node.arguments;
  if (title === undefined || !ts.isStringLiteralLike(title)) return ['neither'];
  const called = calledName(node.expression);
  if (called === 'describe') return ['suite', title.text];
  return called === 'it' || called === 'test' ? ['test', title.text] : ['neither'];
}

function calledName(expression: ts.Expression): string | undefined {
  if (ts.isIdentifier(expression)) return expression.text;
  const inner =
    ts.isPropertyAccessExpression(expression) || ts.isCallExpression(expression) ? expression.expression : undefined;
  return inner && calledName(inner);
}
