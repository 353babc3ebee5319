/** The part of the trainer's config that says where the samples come from; its shape is in trainer-config.schema.json. */

/** A file of the store, or a folder. */
export interface StoredConfig {
  readonly kind: 's3';
  readonly uri: string;
  readonly sha256?: string;
}

/** A data set of a server that answers as the Hugging Face Hub does. */
export interface MirroredConfig {
  readonly kind: 'hf';
  readonly mirror: string;
  readonly repository: string;
  readonly revision: string;
  readonly folder?: string;
  readonly split: string;
  readonly sha256?: string;
  readonly limitBytes: number;
}

export type SourceConfig =
  | { readonly kind: 'builtin'; readonly name: string }
  | { readonly kind: 'none' }
  | StoredConfig
  | { readonly kind: 'hf'; readonly uri: string; readonly split: string; readonly sha256?: string }
  | MirroredConfig
  | { readonly kind: 'pvc'; readonly claim: string; readonly path: string; readonly sha256?: string }
  | { readonly kind: 'https'; readonly url: string; readonly sha256: string; readonly limitBytes: number };
