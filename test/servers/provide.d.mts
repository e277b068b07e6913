export type ServerName =
  | 'etcd'
  | 'etcdctl'
  | 'consul'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'leader-elector'
  | 'rabbitmq'
  | 'postgres'
  | 'lincheck';

export interface ProvidedServer {
  readonly name: ServerName;
  readonly status: 'path' | 'cache' | 'built' | 'missing';
  readonly path: string | undefined;
  readonly version?: string;
  readonly tookMs: number;
  readonly provideWith?: string;
}

export interface ProvideOptions {
  readonly only?: readonly ServerName[];
  readonly log?: (line: string) => void;
  readonly buildMissing?: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

export const serverNames: readonly ServerName[];
export function provideServers(options?: ProvideOptions): Promise<readonly ProvidedServer[]>;
export function serverBinary(name: ServerName, env?: Environment): string | undefined;
export function howToProvide(name: ServerName, env?: Environment): string;
export function findOnPath(command: string, env?: Environment): string | undefined;
export function main(args: readonly string[], env?: Environment): Promise<number>;
