import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleForBrowsers, type Bundle } from '../support/browser-bundle.js';

/** What Node has and browsers have not; a bundler would have to put something in its place. */
const OF_NODE = new Set(['Buffer', 'process', 'global', 'setImmediate', '__dirname', '__filename', '__require']);

let bundle: Bundle;
beforeAll(async () => {
  bundle = await bundleForBrowsers({ client: '@countersign/client', browser: '@countersign/client/browser' });
});

/** The globals of Node that a module uses: names standing by themselves, neither a member's nor made in the module. */
function globalsOfNode(code: string): readonly string[] {
  const file = ts.createSourceFile('bundle.js', code, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && OF_NODE.has(node.text) && !isNamed(node)) found.push(node.parent.getText());
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

/** Whether it is the name of a member or a declaration, or only asked after. */
function isNamed(node: ts.Identifier): boolean {
  return ts.isTypeOfExpression(node.parent) || ('name' in node.parent && node.parent.name === node);
}

describe('the library in a bundle for browsers', () => {
  it('is whole: it imports nothing but its own parts', () => {
    expect([...bundle.keys()]).toEqual(expect.arrayContaining(['client.js', 'browser.js']));
    for (const { imports, dynamicImports } of bundle.values())
      for (const imported of [...imports, ...dynamicImports]) expect([...bundle.keys()]).toContain(imported);
    for (const { code } of bundle.values()) expect(code).not.toMatch(/["']node:/u);
  });

  it('uses nothing that Node alone has', () => {
    for (const [name, { code }] of bundle) expect([name, globalsOfNode(code)]).toEqual([name, []]);
  });

  it('a use of what Node alone has would be found', () => {
    expect(
      globalsOfNode('Buffer.from(x); a.process(); const y = process.env; typeof Buffer; ({ Buffer: 1 });'),
    ).toEqual(['Buffer.from', 'process.env']);
  });
});
