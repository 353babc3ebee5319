{{/*
Variables of every model server, as YAML. Each is one that a server starts with: values.schema.json knows words, and what a number
looks like; bounds, those of runtime/server, are here, since one value has to do with another and a pattern of a bound cannot be read. Bodies that
the gateway lets through servers take, too.
*/}}
{{- define "limbeck.serverEnvironment" -}}
{{- $all := deepCopy (.Values.server.environment | default dict) -}}
{{- $usual := 67108864 -}}
{{- if gt (int64 .Values.gateway.maxBodyBytes) (int64 $usual) -}}
{{- $all = merge $all (dict "LIMBECK_MAX_BODY_BYTES" (int64 .Values.gateway.maxBodyBytes | toString)) -}}
{{- end -}}
{{- $body := $all.LIMBECK_MAX_BODY_BYTES | default (toString $usual) -}}
{{- $queue := $all.OTEL_BSP_MAX_QUEUE_SIZE | default "2048" -}}
{{- $urls := list "OTEL_EXPORTER_OTLP_ENDPOINT" "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" -}}
{{- $bounds := dict
  "LIMBECK_MAX_BODY_BYTES" (list "1024" "1073741824")
  "LIMBECK_MAX_BODIES_BYTES" (list $body "1099511627776")
  "LIMBECK_MAX_OUTPUT_TOKENS" (list "1" "2147483648")
  "LIMBECK_MAX_SEQUENCE_LENGTH" (list "1" "2147483648")
  "LIMBECK_PREFILL_TOKENS" (list "1" "65536")
  "LIMBECK_RUN_SECONDS" (list "1" "86400")
  "LIMBECK_SLOTS" (list "1" "1024")
  "OTEL_BSP_MAX_EXPORT_BATCH_SIZE" (list "1" $queue)
  "OTEL_BSP_MAX_QUEUE_SIZE" (list "1" "1000000")
  "OTEL_BSP_SCHEDULE_DELAY" (list "0" "86400000") -}}
{{- range $name, $value := $all -}}
{{- with get $bounds $name -}}
{{- if or (lt (int64 $value) (int64 (first .))) (gt (int64 $value) (int64 (last .))) -}}
{{- fail (printf "server.environment.%s must be from %s to %s, but is %s" $name (first .) (last .) $value) -}}
{{- end -}}
{{- end -}}
{{- if and (has $name $urls) (not (regexMatch (include "limbeck.httpUrl" .) $value)) -}}
{{- fail (printf "server.environment.%s must be http(s)://<host> with a port of 65535 at most, but is %s" $name $value) -}}
{{- end -}}
{{- end -}}
{{- with $all }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* What the server takes for a URL: a name, whose last label is no number, or an IPv4 or an IPv6 address; and a port. */}}
{{- define "limbeck.httpUrl" -}}
{{- $byte := "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])" -}}
{{- $name := "([A-Za-z0-9_-]+\\.)*[A-Za-z][A-Za-z0-9_-]*\\.?" -}}
{{- $address := printf "(%s\\.){3}%s|\\[[0-9A-Fa-f:.]+\\]" $byte $byte -}}
{{- $port := "([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])" -}}
{{- printf "^https?://([^\\s/@]+@)?(%s|%s)(:%s)?(/\\S*)?$" $name $address $port -}}
{{- end -}}
