/** The least that each kind needs. */
import type { Plural, RawBody } from './raw-api.ts';

const apiVersion = 'limbeck.dev/v1alpha1';
const metadata = { name: 'least' };
const data = { source: { builtin: 'digits' } };
const model = { mlp: { hidden: [16] } };

export const least: Readonly<Record<Plural, RawBody>> = {
  trainingjobs: { apiVersion, kind: 'TrainingJob', metadata, spec: { task: 'classification', model, data } },
  distillationjobs: {
    ...{ apiVersion, kind: 'DistillationJob', metadata },
    spec: { teacher: { trainingJob: { name: 'teacher' } }, student: model, data },
  },
  modelservices: { apiVersion, kind: 'ModelService', metadata, spec: { model: { trainingJob: { name: 'teacher' } } } },
};
