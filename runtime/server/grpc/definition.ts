/**
 * The service as open-inference.proto declares it, and its messages, which are decoded when there is room for them, and encoded here
 * to be counted.
 */
import { fileURLToPath } from 'node:url';
import { loadSync, type MethodDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { noRoom, type BodyBudget } from '../body.ts';
import { invalid, Refusal } from '../protocol/errors.ts';
import { fieldsOf, footprintOf, type Descriptor, type Fields } from './footprint.ts';
import { readHealth } from './health.ts';

/** Beside this file in the repository, beside the bundle in the image. */
const proto = new URL('./open-inference.proto', import.meta.url);

/** 64-bit integers as text, which alone keeps them whole; what is absent as its default, so that nothing is undefined. */
const loaderOptions = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: false } as const;

type Declared = MethodDefinition<object, object>;

type Coders = 'requestDeserialize' | 'responseSerialize';

/** A method whose messages are bytes for the library: it keeps what comes until the call is whole, and its answer until that is read. */
type Undecoded = Omit<Declared, Coders> & Readonly<Record<Coders, (bytes: Buffer) => Buffer>>;

const asItIs = (bytes: Buffer): Buffer => bytes;

/** What callers say to one method, and are told. */
export class Requests {
  readonly #deserialize: Declared['requestDeserialize'];
  readonly #serialize: Declared['responseSerialize'];
  readonly #fields: Fields;

  constructor(
    { requestDeserialize, requestType, responseSerialize }: Declared,
    find: (name: string) => Descriptor | undefined,
  ) {
    this.#deserialize = requestDeserialize;
    this.#serialize = responseSerialize;
    this.#fields = fieldsOf(requestType.type as Descriptor, find);
  }

  /** Decodes a message, answers it and encodes the answer; until then it counts as a body, and as no less than what it takes when decoded. */
  async answered(
    bodies: BodyBudget,
    bytes: Buffer,
    answer: (request: object) => object | Promise<object>,
  ): Promise<Buffer> {
    const takes = this.#read(() => footprintOf(bytes, this.#fields, bodies.mostBytes));
    if (takes > bodies.mostBytes) throw tooMany(bodies.mostBytes);
    if (!bodies.take(takes, bytes.length)) throw noRoom();
    try {
      return this.#serialize(await answer(this.#read(() => this.#deserialize(bytes))));
    } finally {
      bodies.give(takes);
    }
  }

  /** The library would call what is no message our mistake (INTERNAL). */
  #read<T>(read: () => T): T {
    try {
      return read();
    } catch {
      throw invalid('the message cannot be decoded: it is not of the type that this method takes');
    }
  }
}

function tooMany(mostBytes: number): Refusal {
  const sentence = `the message has so many elements that it takes more than ${mostBytes} bytes once it is decoded`;
  return new Refusal({ kind: 'tooLarge' }, `${sentence}; raw_input_contents take no more than they are`);
}

/** A service for the library, and by the name of each method what it is asked. */
export interface Service {
  readonly methods: Readonly<Record<string, Undecoded>>;
  readonly requests: ReadonlyMap<string, Requests>;
}

function serviceOf(definitions: PackageDefinition, [packageName, name]: readonly [string, string]): Service {
  const declared = Object.entries(definitions[`${packageName}.${name}`] as Readonly<Record<string, Declared>>);
  const find = (message: string): Descriptor | undefined =>
    definitions[`${packageName}.${message}`]?.type as unknown as Descriptor | undefined;
  return {
    methods: Object.fromEntries(
      declared.map(([name, method]) => [name, { ...method, requestDeserialize: asItIs, responseSerialize: asItIs }]),
    ),
    requests: new Map(declared.map(([name, method]) => [name, new Requests(method, find)])),
  };
}

/** Reads the declarations. */
export function readServices(): readonly Service[] {
  return [
    serviceOf(loadSync(fileURLToPath(proto), loaderOptions), ['inference', 'GRPCInferenceService']),
    serviceOf(readHealth(loaderOptions), ['grpc.health.v1', 'Health']),
  ];
}
