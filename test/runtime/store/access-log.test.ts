import { describe, expect, test } from '@jest/globals';
import { answeredIn } from '../../../runtime/store/access-log.ts';

const end = 'SigV4 - AuthHeader s3.us-east-1.amazonaws.com - arn:aws:s3:::/limbeck/a Yes';

/** A record as versitygw 1.8 writes it; the request is operation, key and uri, the outcome status and error. */
const record = (request: string, outcome: string, { ms = 14, bucket = 'limbeck', agent = 'Boto3/1.34 ua/2.0' } = {}) =>
  `LIMBECK ${bucket} [28/November/2026:16:44:06 +0000] 10.0.0.7 LIMBECK 5RH8B7IGUWW1WRTS ${request} ${outcome} 0 3000000 ${ms} ${ms} - ${agent} - u0Y= ${end}`;

const seconds = 0.014;

describe('a record of the access log', () => {
  test.each([
    ['s3_PutObject runs/a.pt /limbeck/runs/a.pt?x-id=PutObject', '200 -', { operation: 'PutObject', code: '200' }],
    ['s3_GetObject runs/a b.pt /limbeck/runs/a%20b.pt', '404 NoSuchKey', { operation: 'GetObject', code: '404' }],
    [
      's3_ListObjectsV2 - /limbeck/?list-type=2&prefix=a%2F',
      '403 AccessDenied',
      { operation: 'ListObjectsV2', code: '403' },
    ],
    ['ActionUnDetected - /%zz', '500 invalid URL escape "%zz"', { operation: 'Other', code: '500' }],
    ['s3_PutBucketTagging - /limbeck/?tagging', '200 -', { operation: 'Other', code: '200' }],
    ['admin_ListUsers - /list-users', '200 -', { operation: 'Other', code: '200' }],
    ['s3_HeadObject a/ /b 404 c /limbeck/a/%20/b%20404%20c', '200 -', { operation: 'HeadObject', code: '200' }],
  ])('%s, %s', (request, outcome, answered) => {
    expect(answeredIn(record(request, outcome))).toEqual({ ...answered, seconds });
  });

  test('tells the operation that the server means, whatever bucket and browser are called', () => {
    const [bucket, agent] = [' s3_PutObject x', 'b /c 500 - 0 0 9 9 '];
    expect(
      answeredIn(record('s3_ListObjects - /%20s3_PutObject%20x', '400 InvalidBucketName', { bucket, agent })),
    ).toEqual({ operation: 'ListObjects', code: '400', seconds });
  });

  test('tells its time in seconds, however long it took', () => {
    const times = [0, 1, 61_000].map((ms) => answeredIn(record('s3_PutObject a /a', '200 -', { ms }))?.seconds);
    expect(times).toEqual([0, 0.001, 61]);
  });

  test.each([
    ['what the server says of itself', 'No IAM service configured, enabling single account mode'],
    ['the piece before a line break in a key', record('s3_PutObject runs/a', '').split(' 0 3000000')[0] ?? ''],
    ['the piece after it', `b /limbeck/runs/a%0Ab 200 - 0 1 0 0 - agent - x= ${end}`],
    ['an empty line', ''],
  ])('is not %s', (_what, line) => {
    expect(answeredIn(line)).toBeUndefined();
  });

  test('may have a name of a stranger, which is no series of its own', () => {
    expect(answeredIn(record('s3_Evil123 a /a', '200 -'))?.operation).toBe('Other');
  });

  test.each(['] 1 2 ABCDEFGHIJKLMNOP s3_a / 200 ', '/ 200 ', '] a b ', '] 1 2 ABCDEFGHIJKLMNOP s3_a '])(
    'that is 64 KiB of "%s" is looked at in no time worth telling',
    (piece) => {
      const begun = process.cpuUsage();
      answeredIn(record('s3_GetObject', '').slice(0, 90) + piece.repeat(65_536 / piece.length));
      // Read without its bounds, some of these take minutes.
      expect(process.cpuUsage(begun).user).toBeLessThan(2_000_000);
    },
  );
});
