{{/*
Fails where an upgrade would change the volume of the store that is there: Kubernetes refuses that of a StatefulSet, and Helm would hear of
it when half of the release is patched. Where no cluster is looked into, as by Argo CD, nothing is known of the store.
*/}}
{{- define "limbeck.checkStoreVolume" -}}
{{- $name := printf "%s-store" (include "limbeck.fullname" .) -}}
{{- $wanted := .Values.store.embedded.persistence -}}
{{- with lookup "apps/v1" "StatefulSet" .Release.Namespace $name -}}
{{- $is := dict "enabled" false -}}
{{- range .spec.volumeClaimTemplates -}}
{{- $is = dict "enabled" true "storageClassName" (.spec.storageClassName | default "") "size" .spec.resources.requests.storage -}}
{{- end -}}
{{- $field := "" -}}
{{- if ne $is.enabled $wanted.enabled -}}
{{- $field = "enabled" -}}
{{- else if and $is.enabled (ne $is.storageClassName ($wanted.storageClassName | default "")) -}}
{{- $field = "storageClassName" -}}
{{- else if and $is.enabled (ne (include "limbeck.units" $is.size) (include "limbeck.units" $wanted.size)) -}}
{{- $field = "size" -}}
{{- end -}}
{{- with $field -}}
{{- fail (printf "store.embedded.persistence.%s cannot be changed by an upgrade: set it back to %v, or delete the StatefulSet %s first; values.yaml says what becomes of its data" . (get $is . | toString | default "''") $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
