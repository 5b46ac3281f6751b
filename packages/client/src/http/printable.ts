/** What can forge lines, drive a terminal, or turn the order of what is shown: controls, line and direction marks. */
export const FORGING = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** Text for one line of a terminal: names, and what servers say, come from strangers. */
export function printable(text: string): string {
  return text.replace(FORGING, '\ufffd');
}
