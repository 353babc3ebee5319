/** For tests with real processes, sockets and timers: a busy machine is no failure. */
import { jest } from '@jest/globals';

jest.setTimeout(120_000);
