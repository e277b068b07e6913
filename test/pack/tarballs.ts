import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../run/lib/command.mjs';
import { pnpm } from '../run/lib/install.mjs';
import { readPackages, top } from '../run/lib/workspace.mjs';

export const packages = readPackages().filter(({ manifest }) => manifest.private !== true);

const entriesOf = (exported: object) => Object.keys(exported).filter((entry) => entry !== './package.json');

/** Every specifier that a user may import. */
export const specifiers: readonly string[] = packages.flatMap(({ name, manifest }) =>
  entriesOf(manifest.exports).map((entry) => `${name}${entry.slice(1)}`),
);

export interface Packed {
  readonly folder: string;
  readonly tarballs: ReadonlyMap<string, string>;
}

async function mustRun(result: ReturnType<typeof run>, what: string): Promise<void> {
  const { ok, output } = await result;
  if (!ok) throw new Error(`${what} failed:\n${output.join('\n')}`);
}

/** Every package as it would be published, outside of the workspace. */
export async function packAll(): Promise<Packed> {
  const folder = mkdtempSync(join(tmpdir(), 'autocluster-pack-'));
  const filters = packages.flatMap(({ name }) => ['--filter', name]);
  await mustRun(pnpm([...filters, '-r', 'pack', '--pack-destination', folder], { cwd: top }), 'pnpm pack');
  const found = readdirSync(folder);
  const tarballs = packages.map(({ name, manifest }): [string, string] => {
    const file = `${name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`;
    if (!found.includes(file)) throw new Error(`${file} is not among ${found.join(', ')}`);
    return [name, join(folder, file)];
  });
  return { folder, tarballs: new Map(tarballs) };
}

export const removePacked = ({ folder }: Packed): void => rmSync(folder, { recursive: true, force: true });

/** A project of somebody who has installed everything from npm. */
export async function makeConsumer({ folder, tarballs }: Packed): Promise<string> {
  const consumer = join(folder, 'consumer');
  mkdirSync(consumer);
  writeFileSync(join(consumer, 'package.json'), '{ "private": true }');
  const types: unknown = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')).devDependencies['@types/node'];
  const wanted = [...tarballs.values(), `@types/node@${String(types)}`];
  await mustRun(run(['npm', 'install', '--no-audit', '--no-fund', ...wanted], { cwd: consumer }), 'npm install');
  return consumer;
}
