/** A busy machine is no failure: five seconds, as is usual, are too few where all else is tested beside. */
import { jest } from '@jest/globals';

jest.setTimeout(120_000);
