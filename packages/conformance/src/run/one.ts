import { orLate, systemRuntime } from '@autocluster/core/runtime';
import type { Case } from '../case.js';
import { broken } from '../errors.js';
import { openSpace } from '../space/space.js';
import type { BackendSubject } from '../subject.js';

/** No case takes that long, the slowest store included, unless it hangs. */
const CASE_LIMIT_MS = 240_000;

/** Asks one case in a namespace of its own; rejects when it fails. */
export async function askInSpace(each: Case, subject: BackendSubject): Promise<void> {
  const space = await openSpace(subject, `kit-${systemRuntime.uniqueId().slice(0, 13)}`);
  try {
    const asked = each.ask(space);
    let settled = false;
    const seen = asked.then(
      () => void (settled = true),
      () => void (settled = true),
    );
    await orLate(systemRuntime, seen, CASE_LIMIT_MS);
    if (!settled) broken(`the case has not ended after ${CASE_LIMIT_MS / 1000} s`);
    await asked;
    const [late] = space.late;
    if (late !== undefined) broken(late);
  } finally {
    await space.close();
  }
}
