import { invalidRange, requireText } from '@autocluster/core/backend';

/** Where one agent is reached. */
export type ConsulHost =
  | { readonly kind: 'net'; readonly secure: boolean /** `host:port`. */; readonly address: string }
  | { readonly kind: 'unix'; readonly path: string };

const HOST = /^(?:(https?):\/\/)?(\[[0-9a-f:.]+\]|[^\s/:@[\]?#,;]+)(?::(\d{1,5}))?\/?$/i;
const SOCKET = /^unix:(?:\/\/)?(\/[^\0]+)$/;
const FORM =
  'http(s)://host:port, host:port or unix:///path, an IPv6 address in brackets, no path, no password; several as an array';

/** What a person reads: the agent's address, or the path of its socket. */
export const shownHost = (host: ConsulHost): string => (host.kind === 'unix' ? host.path : host.address);

function parseHost(value: unknown, withTls: boolean): ConsulHost {
  const text = requireText('hosts', value);
  const [, path] = SOCKET.exec(text) ?? [];
  if (path !== undefined) return { kind: 'unix', path };
  const [, scheme, host, port] = HOST.exec(text) ?? [];
  // A URL with a password in it must not be shown.
  if (host === undefined) throw invalidRange('hosts', text.includes('@') ? '<hidden>' : text, FORM);
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    throw invalidRange('hosts', text, 'a port from 1 to 65535');
  }
  const secure = scheme === undefined ? withTls : scheme.toLowerCase() === 'https';
  return { kind: 'net', secure, address: `${host}:${port ?? (secure ? '8501' : '8500')}` };
}

/** The agents in the order in which they are to be used. */
export function parseHosts(value: unknown, withTls: boolean): readonly ConsulHost[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw invalidRange('hosts', value, 'at least one host');
  const hosts = list.map((each) => parseHost(each, withTls));
  const remote = hosts.filter((host) => host.kind === 'net');
  const secure = remote.filter((host) => host.secure).length;
  if (secure !== 0 && secure !== remote.length) throw invalidRange('hosts', value, 'either all https or all http');
  if (withTls && secure === 0) throw invalidRange('hosts', value, 'https, since tls is given');
  const shown = hosts.map(shownHost);
  return hosts.filter((_, index) => shown.indexOf(shown[index] ?? '') === index);
}
