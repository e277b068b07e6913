// oxlint-disable vitest/valid-title -- here titles are variables: they come from the caller, or name what is missing
import { describe, expect, test } from 'vitest';
import { howToProvide, serverBinary, type ServerName } from '../provide.mjs';

export type SuiteDecision =
  | { readonly kind: 'run' }
  | { readonly kind: 'fail'; readonly title: string; readonly message: string }
  | { readonly kind: 'skip'; readonly title: string };

type Environment = Readonly<Record<string, string | undefined>>;

/** A server that is missing may leave a gap on somebody's own machine, but never in CI. */
export function decideSuite(names: readonly ServerName[], env: Environment = process.env): SuiteDecision {
  const missing = names.filter((name) => serverBinary(name, env) === undefined);
  if (missing.length === 0) return { kind: 'run' };
  const commands = missing.map((name) => `${name} missing: ${howToProvide(name, env)}`).join('; ');
  if (env.CI !== 'true') return { kind: 'skip', title: `not run: ${commands}` };
  return { kind: 'fail', title: `needs ${missing.join(', ')}`, message: commands };
}

/** A describe block that needs real servers. */
export function serverSuite(names: readonly ServerName[], title: string, body: () => void): void {
  const decision = decideSuite(names);
  describe(title, () => {
    switch (decision.kind) {
      case 'run':
        body();
        break;
      case 'fail':
        test(decision.title, () => {
          expect.fail(decision.message);
        });
        break;
      case 'skip':
        test(decision.title, { skip: true }, () => expect.fail('is skipped'));
        break;
    }
  });
}
