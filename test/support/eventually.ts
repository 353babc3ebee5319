/** Looks again and again until something is found; a look that throws found nothing. Gives up after half a minute. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
  for (let turn = 0; turn < 400; turn += 1) {
    const found = await look().catch(() => undefined);
    if (found !== undefined && found !== false) return found;
    await new Promise((resolve) => setTimeout(resolve, 75));
  }
  throw new Error(`it never came to be: ${what}`);
}
