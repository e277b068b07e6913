import { copyFileSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../run/lib/command.mjs';
import { tool, top } from '../run/lib/workspace.mjs';
import { type NodeProgram, OTHER_NODES, provideNode } from './node-versions.ts';
import { makeConsumer, type Packed, packAll, packages, removePacked, specifiers } from './tarballs.ts';
import { typecheckConsumer } from './types.ts';

const NODES = [process.versions.node, ...OTHER_NODES];
const programs = join(top, 'test', 'pack', 'programs');
// A program that is put into this folder is run on every Node, in a project that has installed the packages.
const allPrograms = readdirSync(programs);
const printsExports = (program: string) => program.startsWith('exports.');
const nodes = new Map<string, NodeProgram>();
let packed: Packed;
let consumer: string;

const tarballOf = (name: string) => packed.tarballs.get(name) ?? '';

/** What each specifier exports where it is written; the packages must export the same. */
async function sourceExports(): Promise<Record<string, readonly string[]>> {
  const found = specifiers.map(async (each) => [each, Object.keys(await import(each)).sort()] as const);
  return Object.fromEntries(await Promise.all(found));
}

beforeAll(async () => {
  const provided = Promise.all(NODES.map(async (version) => nodes.set(version, await provideNode(version))));
  packed = await packAll();
  consumer = await makeConsumer(packed);
  for (const program of allPrograms) copyFileSync(join(programs, program), join(consumer, program));
  await provided;
}, 300_000);

afterAll(() => removePacked(packed));

describe.each(packages)('the tarball of $name', ({ name, manifest: { files = [] } }) => {
  it('holds the build, the licence and the manual, and nothing of the workspace', async () => {
    const { output } = await run(['tar', '-tzf', tarballOf(name)]);
    expect(output).toEqual(
      expect.arrayContaining(['package/LICENSE', 'package/dist/index.js', 'package/dist/index.cjs']),
    );
    const others = output.filter((path) => !/^package\/(dist\/|LICENSE$|package\.json$|[A-Z]+\.md$)/.test(path));
    expect(others.filter((path) => !files.includes(path.replace('package/', '')))).toEqual([]);
    const manifest = readFileSync(join(consumer, 'node_modules', name, 'package.json'), 'utf8');
    expect(manifest).not.toContain('workspace:');
  });

  it('is clean by publint', async () => {
    const bytes = readFileSync(tarballOf(name));
    const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    const { messages, pkg } = await publint({ pack: { tarball }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
  });

  it('gives every kind of import its types, by attw', async () => {
    const attw = tool('@arethetypeswrong/cli', 'attw');
    const result = await run([...attw, tarballOf(name), '--profile', 'node16', '--format', 'ascii', '--no-emoji']);
    expect(result).toMatchObject({ ok: true });
  });
});

it('typechecks where it is installed, as ESM and as CommonJS', async () => {
  expect(await typecheckConsumer(consumer, specifiers)).toEqual([]);
});

async function runOn(version: string, program: string, skip: (note?: string) => never) {
  const { path, missing } = nodes.get(version) ?? {};
  return path === undefined ? skip(missing) : run([path, program, ...specifiers], { cwd: consumer });
}

describe.each(NODES)('on Node %s', (version) => {
  it.for(allPrograms.filter(printsExports))('%s finds what the sources export', async (program, { skip }) => {
    const result = await runOn(version, program, skip);
    expect(result).toMatchObject({ ok: true });
    expect(JSON.parse(result.output.at(-1) ?? '')).toEqual(await sourceExports());
  });

  it.for(allPrograms.filter((each) => !printsExports(each)))('%s ends well', async (program, { skip }) => {
    expect(await runOn(version, program, skip)).toMatchObject({ ok: true });
  });
});
