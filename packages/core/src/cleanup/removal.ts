import type { ErrorCode, InstanceId, NodeId } from '../backend/index.js';
import { type BrakeName, familyOf } from './brake.js';

/** What became of one removal. */
export type Removal =
  | { readonly kind: 'removed'; readonly node: NodeId; readonly instance: InstanceId | undefined }
  /** Nothing was removed: a brake held when it was looked again. */
  | { readonly kind: 'refused'; readonly node: NodeId; readonly by: BrakeName; readonly detail: string }
  /** `certain`: it was not removed. Otherwise nobody knows, and a later tick goes on. */
  | {
      readonly kind: 'failed';
      readonly node: NodeId;
      readonly code: ErrorCode;
      readonly text: string;
      readonly certain: boolean;
    };

/** A brake that stops the clocks held when it was looked again: what was seen before it counts no more. */
export const stoppedClocks = (removal: Removal): boolean =>
  removal.kind === 'refused' && familyOf(removal.by) === 'clocks';
