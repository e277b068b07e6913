import { describe, test } from 'vitest';
import { serverSuite } from '../../../test/servers/harness/suite.js';
import { testBackend } from '../src/index.js';
import { kubernetesSubject } from './subjects/kubernetes.js';

serverSuite(['kube-apiserver', 'etcd'], 'the store on Kubernetes', () => {
  testBackend('kubernetes, explicit members', () => kubernetesSubject('explicit'), { describe, test });
});

serverSuite(['kube-apiserver', 'kube-controller-manager', 'etcd'], 'the store on Kubernetes, pods as members', () => {
  testBackend('kubernetes, platform members', () => kubernetesSubject('platform'), { describe, test });
});
