/** The lines of versitygw's access log, as far as they are counted. */

export interface Answered {
  /** As S3 names it. */
  readonly operation: string;
  /** The status of the answer; of every success 200, whatever its caller got. */
  readonly code: string;
  /** Until the answer began; of what is written that is with all its bytes, of what is read without. */
  readonly seconds: number;
}

/**
 * `owner bucket [time] address requester request operation key uri status error sent size total turnaround …`, parted by blanks, which
 * bucket and key may have, too: they are as their caller wrote them. An error is a word, or of a status 500 anything. In two steps and
 * with a bound, so that no line of a stranger takes longer than its length.
 */
const head = /\] \S+ \S+ [0-9A-Z]{16} (?:s3_|admin_)?(\w+) /;
const outcome = / \/\S* ([1-5]\d\d) (?:-|\w+|(?<= 500 ).{1,200}?) \d+ -?\d+ (\d{1,9}) \d+ /;

/** What clients of ours ask for. All else is one series: by a key with line breaks whoever sends requests can write lines of his own. */
const operations: ReadonlySet<string> = new Set([
  ...['PutObject', 'GetObject', 'HeadObject', 'CopyObject', 'DeleteObject', 'DeleteObjects'],
  ...['ListObjectsV2', 'ListObjects', 'ListAllMyBuckets', 'HeadBucket', 'CreateBucket', 'GetBucketLocation'],
  ...['CreateMultipartUpload', 'UploadPart', 'UploadPartCopy', 'CompleteMultipartUpload', 'AbortMultipartUpload'],
  ...['ListParts', 'ListMultipartUploads'],
]);

/** A line as a record; undefined where it is none, or not whole. */
export function answeredIn(line: string): Answered | undefined {
  const begin = head.exec(line);
  if (begin === null) return undefined;
  const [whole, name = ''] = begin;
  const [, code = '', ms] = outcome.exec(line.slice(begin.index + whole.length)) ?? [];
  if (ms === undefined) return undefined;
  return { operation: operations.has(name) ? name : 'Other', code, seconds: Number(ms) / 1000 };
}
