// Writes the table of sentences and cases into the manual.
import { readFileSync, writeFileSync } from 'node:fs';
import { contractTable } from './contract-table.js';

const path = new URL('../README.md', import.meta.url);
const manual = readFileSync(path, 'utf8');
const place = /(<!-- contract: [^\n]* -->\n)[\s\S]*?(<!-- end of contract -->)/;
writeFileSync(
  path,
  manual.replace(place, (_, begin: string, end: string) => `${begin}${contractTable()}\n${end}`),
);
