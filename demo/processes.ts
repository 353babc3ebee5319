/** Processes of pods on this very machine, for tests and benches that do harm to them. */
import { readdirSync, readFileSync } from 'node:fs';

/** Of the pod with this UID: the name of their control group has it in it. */
export function processesOf(uid: string): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => textOf(`/proc/${pid}/cgroup`).includes(`pod${uid}`)).map(Number);
}

/** The name of a process's program; '' once it is gone. */
export const programOf = (pid: number): string => textOf(`/proc/${pid}/comm`).trim();

/** A variable of the environment with which a process was started; undefined where it had none of this name, or is gone. */
export const variableOf = (pid: number, name: string): string | undefined =>
  textOf(`/proc/${pid}/environ`)
    .split('\0')
    .find((entry) => entry.startsWith(`${name}=`))
    ?.slice(name.length + 1);

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
