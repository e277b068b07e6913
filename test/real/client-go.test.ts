import { expect, it } from 'vitest';
import { serverSuite } from '../servers/harness/suite.ts';
import { handOffs } from './client-go.ts';

serverSuite(
  ['kube-apiserver', 'etcd', 'leader-elector'],
  "our lock and client-go's leader election on one Lease",
  () => {
    it('L1: exclude each other, in both directions', { timeout: 120_000 }, async () => {
      const times = await handOffs({ handOffs: 16, retryMs: 200 });
      const count = (from: string, to: string) => times.filter((each) => each.from === from && each.to === to).length;
      expect([count('ours', 'client-go'), count('client-go', 'ours')]).toEqual([8, 8]);
    });
  },
);
