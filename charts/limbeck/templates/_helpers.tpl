{{/*
Name that every object of the release starts with. A Service's begins with a letter and has no dots, which Kubernetes would say
when half of the release is there.
*/}}
{{- define "limbeck.fullname" -}}
{{- if not (regexMatch "^[a-z][-a-z0-9]*$" .Release.Name) -}}
{{- fail (printf "the name of the release begins that of every object, so it must begin with a letter and have no dots, but is %q" .Release.Name) -}}
{{- end -}}
{{- if contains "limbeck" .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-limbeck" .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels that a selector may use: (list $ "gateway"). */}}
{{- define "limbeck.selector" -}}
app.kubernetes.io/name: limbeck
app.kubernetes.io/instance: {{ (index . 0).Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* All labels: (list $ "gateway"). */}}
{{- define "limbeck.labels" -}}
{{ include "limbeck.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end -}}

{{/* Pod security: passes the standard "restricted". */}}
{{- define "limbeck.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end -}}

{{- define "limbeck.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end -}}

{{/* The API token, mounted where clients look for it, in these pods alone. */}}
{{- define "limbeck.apiTokenVolume" -}}
- name: api-token
  projected:
    sources:
      - serviceAccountToken: { path: token, expirationSeconds: 3607 }
      - configMap: { name: kube-root-ca.crt, items: [{ key: ca.crt, path: ca.crt }] }
      - downwardAPI: { items: [{ path: namespace, fieldRef: { fieldPath: metadata.namespace } }] }
{{- end -}}

{{- define "limbeck.apiTokenMount" -}}
- { name: api-token, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true }
{{- end -}}

{{/* Where pods go, from the values of one component. */}}
{{- define "limbeck.scheduling" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .topologySpreadConstraints }}
topologySpreadConstraints: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "limbeck.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "limbeck.storeIsExternal" -}}
{{- if or .Values.store.external.endpoint .Values.store.external.existingSecret -}}true{{- end -}}
{{- end -}}

{{- define "limbeck.storeIsEmbedded" -}}
{{- if and .Values.store.embedded.enabled (not (include "limbeck.storeIsExternal" .)) -}}true{{- end -}}
{{- end -}}

{{- define "limbeck.storeSecret" -}}
{{- .Values.store.external.existingSecret | default .Values.store.secretName -}}
{{- end -}}

{{- define "limbeck.storeEndpoint" -}}
{{- .Values.store.external.endpoint | default (printf "http://%s-store.%s.svc.%s:7070" (include "limbeck.fullname" .) .Release.Namespace .Values.clusterDomain) -}}
{{- end -}}

{{/* Ports of a store that is outside, as JSON: those that are named, and that of its URL. */}}
{{- define "limbeck.storePorts" -}}
{{- $ports := .Values.networkPolicy.storePorts }}
{{- with .Values.store.external.endpoint }}
{{- $url := urlParse . }}
{{- $own := regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "80" "443" (eq $url.scheme "http")) }}
{{- $ports = append $ports (int $own) }}
{{- end }}
{{- $numbers := list }}
{{- range $ports }}{{ $numbers = append $numbers (int .) }}{{ end }}
{{- uniq $numbers | toJson -}}
{{- end -}}

{{/* Names: a rule of egress. A release from before dnsPorts has none. */}}
{{- define "limbeck.dnsEgress" -}}
{{- $ports := list }}
{{- range .Values.networkPolicy.dnsPorts | default (list 53) }}
{{- $ports = concat $ports (list (printf "{ port: %v, protocol: UDP }" .) (printf "{ port: %v, protocol: TCP }" .)) }}
{{- end -}}
- ports: [{{ join ", " $ports }}]
{{- end -}}

{{/* Names and the API server: what operator and gateway both talk to. */}}
{{- define "limbeck.egressBasics" -}}
{{ include "limbeck.dnsEgress" . }}
- ports:
{{- range .Values.networkPolicy.apiServerPorts }}
    - { port: {{ . }} }
{{- end }}
{{- end -}}

{{/* Who may read metrics. Pods without a namespace are meant in the release's, wherever the policy is: a list of peers, as YAML. */}}
{{- define "limbeck.metricsPeers" -}}
{{- $here := dict "matchLabels" (dict "kubernetes.io/metadata.name" .Release.Namespace) }}
{{- range .Values.networkPolicy.metricsFrom }}
{{- $isPlaced := or (hasKey . "namespaceSelector") (hasKey . "ipBlock") }}
{{ list (ternary . (merge (dict "namespaceSelector" $here) .) $isPlaced) | toYaml }}
{{- end }}
{{- end -}}

{{/* Where workloads may run, as far as the chart knows: comma-separated. A namespaced release stays in its own. */}}
{{- define "limbeck.namespaces" -}}
{{- concat (list .Release.Namespace) (ternary list (.Values.store.namespaces | default list) .Values.namespaced) | uniq | join "," -}}
{{- end -}}

{{/* From the deletion of a gateway's pod to its end, at most: draining, and a little more for the last connection to close. */}}
{{- define "limbeck.gatewayGraceSeconds" -}}
{{ add .Values.gateway.drainSeconds 15 }}
{{- end -}}

{{/* As a peer of a NetworkPolicy: what the operator makes, of this label, wherever it may make it. Takes the root and the label. */}}
{{- define "limbeck.workloads" -}}
podSelector: { matchExpressions: [{ key: limbeck.dev/{{ index . 1 }}, operator: Exists }] }
{{- if not (index . 0).Values.namespaced }}
namespaceSelector: {}
{{- end }}
{{- end }}

{{/* Where an alert is explained: (list $ "limbecknoleader"). By its path here, and as a link where the page is to be read somewhere. */}}
{{- define "limbeck.runbook" -}}
runbook: docs/runbook.md#{{ index . 1 }}
{{- with (index . 0).Values.alerts.runbookUrl }}
runbook_url: {{ printf "%s#%s" . (index $ 1) | quote }}
{{- end }}
{{- end }}
