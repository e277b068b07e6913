import { describe, test } from 'vitest';
import { testBackend } from '../src/index.js';
import { memorySubject } from './subjects/memory.js';

testBackend('memory', () => memorySubject(), { describe, test });
