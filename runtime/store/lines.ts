/** Text that comes in pieces, as lines. */

export interface Lines {
  push(text: string): void;
  /** The last line needs no line break. */
  end(): void;
}

/** Hands on every line; of a longer one no more than so many characters. */
export function lines(most: number, onLine: (line: string) => void): Lines {
  let begun = '';
  const add = (part: string): void => {
    begun = (begun + part).slice(0, most);
  };
  const finish = (): void => {
    const line = begun;
    begun = '';
    onLine(line);
  };
  return {
    push: (text) => {
      const [first = '', ...rest] = text.split('\n');
      add(first);
      for (const part of rest) {
        finish();
        add(part);
      }
    },
    end: () => {
      if (begun !== '') finish();
    },
  };
}
