import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Where LMDB's format 2 has what we look at. Each of the first two pages describes one state of the file. */
const META = {
  flags: 18,
  magic: 24,
  version: 28,
  pageSize: 48,
  roots: [88, 136],
  transaction: 152,
  bytes: 168,
} as const;
const META_FLAG = 0x08;
const MAGIC = 0xbeefc0de;
const FORMAT = 2;
const NO_ROOT = 0xffff_ffff_ffff_ffffn;

function readMeta(descriptor: number, offset: number): DataView | undefined {
  const view = new DataView(new ArrayBuffer(META.bytes));
  return readSync(descriptor, view, 0, META.bytes, offset) === META.bytes ? view : undefined;
}

function metaProblem(meta: DataView | undefined): string | undefined {
  if (meta === undefined) return 'it is too short';
  const isMeta = meta.getUint32(META.magic, true) === MAGIC && (meta.getUint16(META.flags, true) & META_FLAG) !== 0;
  if (!isMeta) return 'it does not begin as one';
  const format = meta.getUint32(META.version, true);
  return format === FORMAT ? undefined : `it has LMDB format ${format}, and this release reads format ${FORMAT}`;
}

/** Bytes that the file must have at least, for the newest state's entries to be found at all. */
function leastBytes(metas: readonly DataView[], pageSize: number): bigint {
  const [newest] = [...metas].sort((a, b) => Number(transactionOf(b) - transactionOf(a)));
  if (newest === undefined) return 0n;
  const roots = META.roots.map((offset) => newest.getBigUint64(offset, true)).filter((root) => root !== NO_ROOT);
  return roots.reduce((most, root) => (root + 1n > most ? root + 1n : most), 2n) * BigInt(pageSize);
}

const transactionOf = (meta: DataView): bigint => meta.getBigUint64(META.transaction, true);

/**
 * Why the file cannot be an LMDB data file; undefined when it can, or when it is yet to be made. LMDB maps the file into
 * memory, so that opening a damaged one would end the process instead of failing.
 */
export function dataFileProblem(file: string): string | undefined {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const { size } = fstatSync(descriptor);
    if (size === 0) return undefined;
    const first = readMeta(descriptor, 0);
    const problem = metaProblem(first);
    if (problem !== undefined || first === undefined) return problem;
    const pageSize = first.getUint32(META.pageSize, true);
    const second = readMeta(descriptor, pageSize);
    if (second === undefined) return metaProblem(second);
    const missing = leastBytes([first, second], pageSize) > BigInt(fstatSync(descriptor).size);
    return metaProblem(second) ?? (missing ? 'its end is missing' : undefined);
  } finally {
    closeSync(descriptor);
  }
}
