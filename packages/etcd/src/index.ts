export const placeholder = 'etcd';
