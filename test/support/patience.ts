/** For tests against real processes: a busy machine is no failure. */
import { jest } from '@jest/globals';

jest.setTimeout(120_000);
