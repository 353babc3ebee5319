/** A replica that answers at once: what is left is the cost of the way to it. Prints its port. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

const answer = Buffer.from(
  '{"model_name":"digits","outputs":[{"name":"class","datatype":"INT64","shape":[1],"data":[7]}]}',
);
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length });
  response.end(answer);
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
