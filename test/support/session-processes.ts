/** Finds the processes that models have of their own. */
import { readdir, readFile } from 'node:fs/promises';

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

/** Children of a process, oldest first. */
async function childrenOf(pid: number): Promise<readonly string[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const lists = await Promise.all(threads.map((thread) => textOf(`/proc/${pid}/task/${thread}/children`)));
  return lists.flatMap((list) => list.split(' ').filter((child) => child !== ''));
}

/** Process ids of the sessions that a server process runs of the model whose path has this in it. */
export async function sessionsOf(model: string, server = process.pid): Promise<readonly number[]> {
  const children = await childrenOf(server);
  const lines = await Promise.all(children.map((child) => textOf(`/proc/${child}/cmdline`)));
  return children.filter((_, index) => lines[index]?.includes(model)).map(Number);
}
