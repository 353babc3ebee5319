/**
 * What a message takes in memory once it is decoded, found on the wire before it is. An element of a list may be one byte there,
 * and an input of which nothing is said two; as objects they take a hundred times as much. Pure.
 *
 * Read as strictly as nobody but a stranger minds: what is of another wire type than its field's, or of none that proto3 writes,
 * is no message, since a decoder might take it for something larger than was counted.
 */

/** A field, as protobuf's own descriptor (google.protobuf.FieldDescriptorProto) has it. */
export interface FieldDescriptor {
  readonly number: number;
  readonly type: string;
  /** Of a message. */
  readonly typeName: string;
  readonly label: string;
}

/** A message, likewise. */
export interface Descriptor {
  readonly name: string;
  readonly field: readonly FieldDescriptor[];
  readonly nestedType: readonly Descriptor[];
}

/** Wire types. */
const [varint, eight, delimited, four] = [0, 1, 2, 5];

/** Bytes of one value as JavaScript has it: measured, and rounded up. */
const costs = { message: 400, text: 300, long: 128, number: 40 } as const;

interface Field {
  readonly wire: number;
  /** A list, which of numbers may be written in one piece. */
  readonly repeated: boolean;
  readonly cost: number;
  /** Of a message. */
  readonly fields?: Fields;
}

/** A message's fields by their numbers. */
export type Fields = ReadonlyMap<number, Field>;

/** Of numbers by protobuf's name of the type; every other is a varint. */
const fixed: Readonly<Record<string, number>> = {
  ...{ TYPE_FIXED64: eight, TYPE_SFIXED64: eight, TYPE_DOUBLE: eight },
  ...{ TYPE_FIXED32: four, TYPE_SFIXED32: four, TYPE_FLOAT: four },
};

type Find = (name: string) => Descriptor | undefined;

function fieldOf({ type, typeName, label }: FieldDescriptor, { nestedType }: Descriptor, find: Find): Field {
  const repeated = label === 'LABEL_REPEATED';
  if (type === 'TYPE_STRING' || type === 'TYPE_BYTES') return { wire: delimited, repeated, cost: costs.text };
  if (type !== 'TYPE_MESSAGE')
    return { wire: fixed[type] ?? varint, repeated, cost: type.endsWith('64') ? costs.long : costs.number };
  const inner = nestedType.find(({ name }) => name === typeName) ?? find(typeName);
  if (inner === undefined) throw new TypeError(`there is no message '${typeName}'`);
  return { wire: delimited, repeated, cost: costs.message, fields: fieldsOf(inner, find) };
}

/** The fields of a message; `find` knows those messages that are not declared within it. */
export function fieldsOf(descriptor: Descriptor, find: Find): Fields {
  return new Map(descriptor.field.map((field) => [field.number, fieldOf(field, descriptor, find)]));
}

/** Goes through a message, and adds up. */
class Walk {
  readonly #bytes: Buffer;
  readonly #most: number;
  #at = 0;
  cost = 0;

  constructor(bytes: Buffer, most: number) {
    this.#bytes = bytes;
    this.#most = most;
  }

  /** Up to `end`, or until there is more than the most. */
  through(fields: Fields, end: number): void {
    while (this.#at < end && this.cost <= this.#most) {
      const tag = this.#number();
      const field = fields.get(tag >>> 3);
      const wire = tag & 7;
      if (field === undefined) this.#skip(wire);
      else if (wire === delimited && (field.wire === delimited || field.repeated)) this.#part(field, this.#end(end));
      else if (wire === field.wire) {
        this.#skip(wire);
        this.cost += field.cost;
      } else throw new RangeError('a field is of another type');
    }
    if (this.#at > end) throw new RangeError('a message ends in the middle of a field');
  }

  /** A text, a message, or numbers one after the other. */
  #part({ wire, cost, fields }: Field, end: number): void {
    if (fields !== undefined) {
      this.cost += cost;
      this.through(fields, end);
      return;
    }
    const width = wire === eight ? 8 : 4;
    const count = wire === delimited ? 1 : wire === varint ? this.#varints(end) : (end - this.#at) / width;
    this.cost += count * cost;
    this.#at = end;
  }

  /** Each ends with a byte below 128. No more are counted than there may be. */
  #varints(end: number): number {
    const most = (this.#most - this.cost) / costs.number;
    let count = 0;
    for (let at = this.#at; at < end && count <= most; at += 1) if ((this.#bytes[at] ?? 0) < 128) count += 1;
    return count;
  }

  #skip(wire: number): void {
    if (wire === varint) while ((this.#bytes[this.#at++] ?? 0) >= 128);
    else if (wire === eight) this.#at += 8;
    else if (wire === four) this.#at += 4;
    else if (wire === delimited) this.#at = this.#end(this.#bytes.length);
    else throw new RangeError('a field is of another type');
  }

  /** Where that ends of which the length comes next. */
  #end(most: number): number {
    const length = this.#number();
    if (length > most - this.#at) throw new RangeError('a field is longer than what it is in');
    return this.#at + length;
  }

  /** A tag or a length: at most 32 bits, in five bytes. */
  #number(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#at] ?? 0;
      this.#at += 1;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128 && value < 2 ** 32) return value;
    }
    throw new RangeError('a tag or a length has more than 32 bits');
  }
}

/**
 * Bytes that a message takes while it is decoded and answered, its own included. Where that is more than `most` it is looked at
 * no further. Throws where it is no message; what else may be wrong with it, decoding tells.
 */
export function footprintOf(bytes: Buffer, fields: Fields, most: number): number {
  const walk = new Walk(bytes, most);
  walk.through(fields, bytes.length);
  // Raw tensors and texts are not copied: most messages take what they are.
  return Math.max(bytes.length, walk.cost);
}
