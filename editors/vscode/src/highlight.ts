// Finds the parts of names that a question has.

const WORD = /\p{L}[\p{L}\p{N}]{2,}/gu;
const PART = /\p{Lu}?\p{Ll}[\p{Ll}\p{N}]+|\p{Lu}[\p{Lu}\p{N}]+(?!\p{Ll})|\p{Lo}{2,}/gu;
const FILTER = /-?\b(?:lang|path|kind):\S+/g;
const MIN_STEM = 4;
const MAX_ENDING = 2; // letters of an ending, as in `sessions` and `expired`

/** Return where the parts of a name start and end that are words of a question, in any form. */
export function highlightsOf(name: string, question: string): [number, number][] {
  const words = (question.replace(FILTER, '').match(WORD) ?? []).map((word) => word.toLowerCase());
  return [...name.matchAll(PART)]
    .filter(([part]) => words.some((word) => areForms(part.toLowerCase(), word)))
    .map(({ 0: part, index }): [number, number] => [index, index + part.length]);
}

/** Return whether two words differ at most in their endings. */
function areForms(one: string, other: string): boolean {
  let common = 0;
  while (common < one.length && one[common] === other[common]) {
    common++;
  }
  const longest = Math.max(one.length, other.length);
  return common === longest || (common >= MIN_STEM && common >= longest - MAX_ENDING);
}
