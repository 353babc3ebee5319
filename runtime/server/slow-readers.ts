/**
 * Callers who take less of their answers than a slow line would: an answer holds its memory until it is read, and whoever takes a
 * byte now and then is nobody who takes nothing (../../process/unread.ts). What waits for a caller has as long as a slow line needs
 * for all of it, as over gRPC (./grpc/unread.ts).
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { roundMs, roundsFor } from './slow-line.ts';

/** Bytes that a caller is to have taken, of all that it was ever sent, and how many more rounds it has for that. */
interface Wait {
  readonly takenBytes: number;
  rounds: number;
}

/** Cuts off callers whose answers wait for too long. */
export function dropSlow(server: Server, afterMs = roundMs, bytesPerSecond?: number): void {
  const waits = new Map<Socket, Wait | undefined>();
  const look = (socket: Socket): void => {
    // A piece counts when all of it is taken.
    const [waitingBytes, wait] = [socket.writableLength, waits.get(socket)];
    const takenBytes = socket.bytesWritten - waitingBytes;
    if (waitingBytes === 0) waits.set(socket, undefined);
    else if (wait === undefined || takenBytes >= wait.takenBytes)
      waits.set(socket, {
        takenBytes: takenBytes + waitingBytes,
        rounds: roundsFor(waitingBytes, afterMs, bytesPerSecond),
      });
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
