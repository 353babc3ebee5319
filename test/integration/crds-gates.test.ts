/** Gates that `kubectl apply` refuses, on a real API server: a bound has to fit its metric and the task. */
import { describe } from '@jest/globals';
import { atLeast, atMost, gates, refusals } from '../support/refusals.ts';

const { refuses } = refusals();

describe('a TrainingJob is refused with', () => {
  refuses('trainingjobs', [
    [
      'an unknown field of a gate',
      gates({ metric: 'accuracy', atLeast: 0, above: 1 }),
      'gates[0].above',
      'unknown field',
    ],
    [
      'a gate on an unknown metric',
      gates({ metric: 'auc', atLeast: 0.9 }),
      'gates[0].metric',
      '"accuracy", "macroPrecision", "macroRecall", "macroF1", "rocAuc"',
    ],
    ['a gate above 1', gates({ metric: 'accuracy', atLeast: 95 }), 'gates[0].atLeast', atMost(1)],
    ['a gate below 0', gates({ metric: 'accuracy', atLeast: -0.1 }), 'gates[0].atLeast', atLeast(0)],
    ['a gate in per cent', gates({ metric: 'accuracy', atLeast: '95%' }), 'gates[0].atLeast', 'must be of type number'],
    ['a gate without bound', gates({ metric: 'accuracy' }), 'gates[0]', 'exactly one of atLeast or atMost'],
    [
      'a gate of two bounds',
      gates({ metric: 'accuracy', atLeast: 0, atMost: 1 }),
      'gates[0]',
      'exactly one of atLeast or atMost',
    ],
    ['a ceiling on what should be high', gates({ metric: 'rocAuc', atMost: 1 }), 'gates[0]', 'give atLeast'],
    ['a floor under what should be low', gates({ metric: 'logLoss', atLeast: 0 }), 'gates[0]', 'give atMost'],
    [
      'a calibration error in per cent',
      gates({ metric: 'calibrationError', atMost: 5 }),
      'gates[0]',
      'between 0 and 1',
    ],
    [
      'a class of the whole',
      gates({ metric: 'accuracy', class: '8', atLeast: 0 }),
      'gates[0]',
      'class is for precision',
    ],
    [
      'a gate of another task',
      gates({ metric: 'rmse', atMost: 1 }),
      'spec.evaluation.gates',
      'for the task regression',
    ],
    [
      'two gates on one metric',
      gates({ metric: 'accuracy', atLeast: 0 }, { metric: 'accuracy', atLeast: 1 }),
      'spec.evaluation.gates',
      'at most one gate may be given for each metric and class',
    ],
    [
      'two gates on one class',
      gates({ metric: 'recall', class: '8', atLeast: 0 }, { metric: 'recall', class: '8', atLeast: 1 }),
      'spec.evaluation.gates',
      'at most one gate may be given for each metric and class',
    ],
  ]);
});
