// Progress in per cent, for downloads and embeddings.

import type { Coverage } from './protocol';

/** Return `done` of `total` in per cent, rounded down; 100 if `total` is 0. */
export function percent(done: number, total: number): number {
  return total ? Math.floor((100 * done) / total) : 100;
}

/** Return the share of chunks that are embedded, in per cent. */
export function embeddedPercent(coverages: Coverage[]): number {
  const sum = (key: keyof Coverage): number => coverages.reduce((total, coverage) => total + coverage[key], 0);
  return percent(sum('embedded'), sum('chunks'));
}
