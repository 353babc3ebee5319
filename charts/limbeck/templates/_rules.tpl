{{/*
What the roles of the release grant in a namespace. The role `limbeck-admin` has all of it, too: nobody can grant a right that he lacks,
so a namespace's administrator needs every one of them to install a release there.
*/}}
{{- define "limbeck.operatorRules" -}}
# Our kinds; delete is for ttlSecondsAfterFinished.
- apiGroups: [limbeck.dev]
  resources: [trainingjobs, distillationjobs]
  verbs: [get, list, watch, delete]
- apiGroups: [limbeck.dev]
  resources: [modelservices]
  verbs: [get, list, watch]
- apiGroups: [limbeck.dev]
  resources: [trainingjobs/status, distillationjobs/status, modelservices/status]
  verbs: [patch]
# For owner references that block deletion, where OwnerReferencesPermissionEnforcement is on.
- apiGroups: [limbeck.dev]
  resources: [trainingjobs/finalizers, distillationjobs/finalizers, modelservices/finalizers]
  verbs: [update]
# What is made from them: once, or by server-side apply.
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
# Gang scheduling, where one of these is served; nothing is asked of the other.
- apiGroups: [scheduling.x-k8s.io, scheduling.volcano.sh]
  resources: [podgroups]
  verbs: [get, list, watch, create, delete]
# What is only looked at: results and failures of pods, addresses of gateways.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- end -}}

{{- define "limbeck.leaseRules" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [limbeck-operator]
  verbs: [get, update]
{{- end -}}

{{- define "limbeck.gatewayRules" -}}
- apiGroups: [limbeck.dev]
  resources: [modelservices]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
{{- end -}}
