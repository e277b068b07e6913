import { lookup } from 'node:dns/promises';
import { connect, isIPv6 } from 'node:net';

/**
 * What a machine says of a node without being asked in Erlang: no cookie is needed for it.
 * `refused`: the machine is there, and the node is not. `listens`: somebody takes connections for it.
 */
export type Presence =
  | { readonly kind: 'refused'; readonly detail: string }
  | { readonly kind: 'listens'; readonly port: number }
  | { readonly kind: 'unknown'; readonly detail: string };

/** `no way`: this machine cannot send anything there, as to IPv6 where it has none. */
type Found = Presence | { readonly kind: 'no way'; readonly detail: string };

const NO_WAY: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL', 'EINVAL', 'ENETUNREACH']);
const PORT_PLEASE = 122;
const PORT_ANSWER = 119;
const MAX_ANSWER_BYTES = 1024;

type Talk = { readonly kind: 'answered'; readonly bytes: Buffer } | { readonly kind: 'failed'; readonly code: string };

/** One connection: sends, and reads until the other side closes. With nothing to send, to be connected is the answer. */
function talk(host: string, port: number, request: Buffer | undefined, signal: AbortSignal): Promise<Talk> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect({ host, port, signal });
    const end = (talked: Talk) => {
      resolve(talked);
      socket.destroy();
    };
    socket.on('error', (error) => end({ kind: 'failed', code: 'code' in error ? String(error.code) : error.message }));
    socket.on('connect', () => (request ? socket.write(request) : end({ kind: 'answered', bytes: Buffer.alloc(0) })));
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (Buffer.concat(chunks).length > MAX_ANSWER_BYTES) end({ kind: 'failed', code: 'EMSGSIZE' });
    });
    socket.on('close', () => end({ kind: 'answered', bytes: Buffer.concat(chunks) }));
  });
}

function portRequest(name: string): Buffer {
  const text = Buffer.from(name, 'utf8');
  const request = Buffer.alloc(3 + text.length);
  request.writeUInt16BE(1 + text.length, 0);
  request.writeUInt8(PORT_PLEASE, 2);
  text.copy(request, 3);
  return request;
}

/** What is said of a node at one address of its machine. */
async function presenceAt(address: string, node: string, epmdPort: number, signal: AbortSignal): Promise<Found> {
  const [name = '', host = ''] = node.split('@');
  const failed = (what: string, code: string): Found => {
    const detail = `${what}: ${code}`;
    if (code === 'ECONNREFUSED') return { kind: 'refused', detail };
    return { kind: isIPv6(address) && NO_WAY.has(code) ? 'no way' : 'unknown', detail };
  };
  const told = await talk(address, epmdPort, portRequest(name), signal);
  if (told.kind === 'failed') return failed(`epmd of ${host} on port ${epmdPort}`, told.code);
  const { bytes } = told;
  if (bytes.length < 2 || bytes[0] !== PORT_ANSWER) return { kind: 'unknown', detail: `epmd of ${host} said nothing` };
  if (bytes[1] !== 0) return { kind: 'refused', detail: `epmd of ${host} knows no node ${name}` };
  if (bytes.length < 4) return { kind: 'unknown', detail: `epmd of ${host} named no port` };
  const port = bytes.readUInt16BE(2);
  const reached = await talk(address, port, undefined, signal);
  return reached.kind === 'answered' ? { kind: 'listens', port } : failed(`${node} on port ${port}`, reached.code);
}

/**
 * Whether a node is there, by the port mapper of its machine and by its own port. A node takes connections of one kind of
 * address only, so that it is refused only where every address of its machine refuses. Never rejects.
 */
export async function presenceOf(node: string, epmdPort: number, signal: AbortSignal): Promise<Presence> {
  const [, host = ''] = node.split('@');
  const addresses = await lookup(host, { all: true }).catch(() => []);
  const found = await Promise.all(addresses.map(({ address }) => presenceAt(address, node, epmdPort, signal)));
  for (const kind of ['listens', 'unknown', 'refused', 'no way'] as const) {
    const first = found.find((presence) => presence.kind === kind);
    if (first) return first.kind === 'no way' ? { ...first, kind: 'unknown' } : first;
  }
  return { kind: 'unknown', detail: `the name ${host} cannot be resolved` };
}
