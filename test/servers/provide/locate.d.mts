export type GoModule = 'etcd' | 'consul' | 'kubernetes';
export function moduleCache(module: GoModule, env?: Readonly<Record<string, string | undefined>>): string;
