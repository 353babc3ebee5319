/** The rules of a rendered chart. */
import { parseAllDocuments, stringify } from 'yaml';
import type { Labels } from './promrules.ts';

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: { readonly summary: string; readonly runbook: string; readonly runbook_url?: string };
}

export interface PrometheusRule {
  readonly kind: string;
  readonly metadata: { readonly labels: Labels };
  readonly spec: { readonly groups: readonly { readonly rules: readonly Alert[] }[] };
}

export const rulesIn = (text: string): readonly PrometheusRule[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as PrometheusRule | null)
    .filter((object) => object?.kind === 'PrometheusRule') as readonly PrometheusRule[];

export const alertsOf = (rules: readonly PrometheusRule[]): readonly Alert[] =>
  rules.flatMap(({ spec }) => spec.groups.flatMap(({ rules: alerts }) => alerts));

/** As a file of rules, which is what a Prometheus operator makes of them. */
export const fileOf = (rules: readonly PrometheusRule[]): string =>
  stringify({ groups: rules.flatMap(({ spec }) => spec.groups) });
