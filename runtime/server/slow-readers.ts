/**
 * Callers who take less of their answers than a slow line would: an answer holds its memory until it is read, and whoever takes a
 * byte now and then is nobody who takes nothing (../../process/unread.ts). What waits for a caller has as long as a slow line needs
 * for all of it, as over gRPC (./grpc/unread.ts).
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** How often is looked. */
const roundMs = 60_000;

/** What a caller takes at least in a second: half a megabit. */
const leastBytesPerSecond = 64 << 10;

/** Bytes that a caller is to have taken, of all that it was ever sent, and how many more rounds it has for that. */
interface Wait {
  readonly takenBytes: number;
  rounds: number;
}

/** Cuts off callers whose answers wait for too long. */
export function dropSlow(server: Server, afterMs = roundMs, bytesPerSecond = leastBytesPerSecond): void {
  const bytesPerRound = (bytesPerSecond * afterMs) / 1000;
  const waits = new Map<Socket, Wait | undefined>();
  const look = (socket: Socket): void => {
    // A piece counts when all of it is taken.
    const [waitingBytes, wait] = [socket.writableLength, waits.get(socket)];
    const takenBytes = socket.bytesWritten - waitingBytes;
    if (waitingBytes === 0) waits.set(socket, undefined);
    else if (wait === undefined || takenBytes >= wait.takenBytes)
      waits.set(socket, { takenBytes: takenBytes + waitingBytes, rounds: Math.ceil(waitingBytes / bytesPerRound) });
    else if (wait.rounds > 1) wait.rounds -= 1;
    else socket.destroy();
  };
  server.on('connection', (socket: Socket) => {
    waits.set(socket, undefined);
    socket.once('close', () => waits.delete(socket));
  });
  const timer = setInterval(() => [...waits.keys()].forEach(look), afterMs).unref();
  server.once('close', () => clearInterval(timer));
}
