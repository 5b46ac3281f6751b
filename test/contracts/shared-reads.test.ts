import { expect, test } from 'vitest';
import { shared } from '../../packages/server/src/store/shared.js';

/** A read whose queries end when the test says so. */
function controlled() {
  const queries: { readonly key: string; end(answer: string): void; fail(error: Error): void }[] = [];
  const read = shared<string, string>(
    (key) => new Promise((resolve, reject) => void queries.push({ key, end: resolve, fail: reject })),
  );
  return { queries, read };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a read that arrives while a query runs is not answered by it; all who wait share the next', async () => {
  const { queries, read } = controlled();
  const first = read('a');
  await turn();
  const late = [read('a'), read('a')];
  expect(queries).toHaveLength(1);
  queries[0]!.end('old');
  expect(await first).toBe('old');
  await turn();
  await turn();
  expect(queries).toHaveLength(2);
  queries[1]!.end('new');
  expect(await Promise.all(late)).toEqual(['new', 'new']);
});

test('all who ask in one turn of the event loop share a query that has not begun', async () => {
  const { queries, read } = controlled();
  const asked = [read('a'), read('a'), read('a')];
  expect(queries).toHaveLength(0);
  await turn();
  expect(queries).toHaveLength(1);
  queries[0]!.end('one');
  expect(await Promise.all(asked)).toEqual(['one', 'one', 'one']);
});

test('the next query starts although the one before it fails, and a failure reaches only those who shared it', async () => {
  const { queries, read } = controlled();
  const first = read('a');
  await turn();
  const second = read('a');
  queries[0]!.fail(new Error('down'));
  await expect(first).rejects.toThrow('down');
  await turn();
  await turn();
  queries[1]!.end('up');
  expect(await second).toBe('up');
});

test('keys do not wait for each other, and after an answer the next read asks anew', async () => {
  const { queries, read } = controlled();
  const [a, b] = [read('a'), read('b')];
  await turn();
  expect(queries.map(({ key }) => key)).toEqual(['a', 'b']);
  queries[1]!.end('b');
  expect(await b).toBe('b');
  const again = read('b');
  await turn();
  queries[2]!.end('b again');
  expect(await again).toBe('b again');
  queries[0]!.end('a');
  expect(await a).toBe('a');
});
