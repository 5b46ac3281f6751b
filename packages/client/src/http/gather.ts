/** Bytes; the least room made, so that small files need no growing. */
const FIRST_ROOM = 4096;
/** Bytes; the most room made for what has only been announced. Beyond that it grows with what comes. */
const MOST_AHEAD = 512 * 1024 * 1024;

/**
 * All of `chunks` as one file. Memory goes with the bytes, however small the chunks they come in: a chunk is copied and let
 * go. `maxBytes`, which the caller sees to, bounds the room made in advance, and so does what a machine has; `expected` is how
 * many bytes there will probably be: where it is right, the room is made once, and nothing is copied again.
 */
export async function gather(chunks: AsyncIterable<Uint8Array>, maxBytes: number, expected = 0): Promise<Uint8Array> {
  let room = new Uint8Array(Math.min(expected, maxBytes, MOST_AHEAD));
  let length = 0;
  for await (const chunk of chunks) {
    const needed = length + chunk.length;
    if (needed > room.length) {
      const larger = new Uint8Array(Math.max(needed, Math.min(maxBytes, Math.max(FIRST_ROOM, room.length * 2))));
      larger.set(room.subarray(0, length));
      room = larger;
    }
    room.set(chunk, length);
    length = needed;
  }
  return length === room.length ? room : room.slice(0, length);
}
