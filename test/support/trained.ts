/** What rank 0 says at the end of a run that went well, of either kind of job. */
const metrics = { n: 360, accuracy: 0.97, accuracyLow: 0.95, accuracyHigh: 0.98, macroRecall: 0.97, macroF1: 0.97 };
/** Text of the termination message. */
export const result = JSON.stringify({
  ...{ contractVersion: 'v1', outcome: 'succeeded', metrics, seconds: 3, steps: 100 },
  ...{ control: { ...metrics, accuracy: 0.8 }, teacher: metrics, teacherAgreement: 0.98, teacherSizeBytes: 90_000 },
  artefact: {
    ...{ uri: `s3://limbeck/models/${'a'.repeat(64)}`, sha256: 'a'.repeat(64), sizeBytes: 1000 },
    inputs: [{ name: 'input', datatype: 'FP32', shape: [-1, 1, 8, 8] }],
    outputs: [{ name: 'logits', datatype: 'FP32', shape: [-1, 10] }],
  },
  lineage: { dataSha256: 'a'.repeat(64), splitSeed: 7, seed: 1, worldSize: 2, torch: '2.9' },
});
