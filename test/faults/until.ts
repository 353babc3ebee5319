/** Waits for what must come to be; a look that fails is repeated like one that finds nothing. */

/** Five broken watches in a row, each with its back-off, take most of a minute. */
const patienceMs = 150_000;
const lookEveryMs = 100;

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Rejects with what was waited for, and the last mishap. */
export async function until(what: string, look: () => Promise<boolean>, withinMs = patienceMs): Promise<void> {
  const endMs = performance.now() + withinMs;
  let mishap = '';
  while (performance.now() < endMs) {
    try {
      if (await look()) return;
    } catch (error) {
      mishap = String(error);
    }
    await pause(lookEveryMs);
  }
  throw new Error(`it never came to be: ${what}; ${mishap}`);
}
