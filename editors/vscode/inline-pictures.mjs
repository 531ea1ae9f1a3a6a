// Writes dist/README.md, which contains its pictures: the Extensions view loads none from the files of an extension.

import { readFileSync, writeFileSync } from 'node:fs';

const text = readFileSync('README.md', 'utf8');
const inlined = text.replace(/\]\((images\/[\w-]+\.png)\)/g, (_, path) => {
  return `](data:image/png;base64,${readFileSync(path, 'base64')})`;
});
writeFileSync('dist/README.md', inlined);
