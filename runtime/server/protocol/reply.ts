/** An answer ready for the wire, whatever protocol it is in. */
export interface Reply {
  readonly body: string | Buffer;
  /** Length of the JSON part when bytes follow it; undefined when the whole body is JSON. */
  readonly jsonLength: number | undefined;
}
