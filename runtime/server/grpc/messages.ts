/** The messages of open-inference.proto that carry tensors, as the loader gives and takes them. */

/** Elements by type. Absent and empty are the same; 64-bit integers are decimal text. */
export interface Contents {
  readonly bool_contents?: readonly boolean[];
  readonly int_contents?: readonly number[];
  readonly int64_contents?: readonly string[];
  readonly uint_contents?: readonly number[];
  readonly uint64_contents?: readonly string[];
  readonly fp32_contents?: readonly number[];
  readonly fp64_contents?: readonly number[];
  readonly bytes_contents?: readonly Buffer[];
}

/** One tensor's head, and its elements unless they are raw. */
export interface TensorMessage {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly (string | number)[];
  readonly contents?: Contents | null;
}

/** A parameter: which member is set says its type. */
export interface Parameter {
  readonly bool_param?: boolean;
  readonly int64_param?: string;
  readonly string_param?: string;
  readonly double_param?: number;
  readonly uint64_param?: string;
}

/** An output that is wanted. */
export interface RequestedOutputMessage {
  readonly name: string;
  readonly parameters?: Readonly<Record<string, Parameter>>;
}

/** A request for inference. */
export interface InferRequestMessage {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters?: Readonly<Record<string, Parameter>>;
  readonly inputs: readonly TensorMessage[];
  readonly outputs: readonly RequestedOutputMessage[];
  readonly raw_input_contents: readonly Buffer[];
}

/** Its answer. */
export interface InferResponseMessage {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly outputs: readonly TensorMessage[];
  readonly raw_output_contents: readonly Buffer[];
}

/** Which version of which model. */
export interface ModelMessage {
  readonly name: string;
  readonly version: string;
}

/** What a load or an unload is told besides. */
export interface RepositoryParameter {
  readonly bool_param?: boolean;
  readonly int64_param?: string;
  readonly string_param?: string;
  readonly bytes_param?: Buffer;
}

/** Which model of the repository, in either dialect. */
export interface RepositoryModelMessage {
  readonly repository_name: string;
  readonly model_name: string;
  readonly parameters?: Readonly<Record<string, RepositoryParameter>>;
}
