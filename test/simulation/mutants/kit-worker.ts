import { runBackendCases } from '../../../packages/conformance/src/index.ts';
import { memorySubject } from '../../../packages/conformance/test/subjects/memory.ts';

/** Tells the ids of the cases that the memory store fails. */
const { results } = await runBackendCases(memorySubject());
for (const { id, status } of results) if (status === 'failed') process.send?.(id);
process.disconnect();
