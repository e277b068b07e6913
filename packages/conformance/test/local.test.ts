import { describe, test } from 'vitest';
import { testBackend } from '../src/index.js';
import { localSubject } from './subjects/local.js';

testBackend('local', localSubject, { describe, test });
