// How much of something there is already.

import type { Coverage } from './protocol';

/** Of all, where there is nothing to have. */
export function percent(done: number, of: number): number {
  return of ? Math.floor((100 * done) / of) : 100;
}

export function embeddedOf(parts: Coverage[]): number {
  const sum = (key: keyof Coverage): number => parts.reduce((total, part) => total + part[key], 0);
  return percent(sum('embedded'), sum('chunks'));
}
