{{/* A quantity, in whatever notation, as whole units: two that are the same are the same text. */}}
{{- define "limbeck.units" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[0-9.]+([eE][-+]?[0-9]+)?" $text -}}
{{- $units := dict "n" 1e-9 "u" 1e-6 "m" 1e-3 "" 1 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18
  "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976 -}}
{{- mulf (float64 $number) (get $units (trimPrefix $number $text)) | ceil | int64 -}}
{{- end -}}

{{/*
Bytes of requests that a gateway may hold; empty where its memory has no limit. It takes half as much again for what has come already, and
Node half of the limit for objects: with a third of what is beyond 128 MiB all of it fits.
*/}}
{{- define "limbeck.gatewayBodyBytes" -}}
{{- with ((.Values.gateway.resources | default dict).limits | default dict).memory -}}
{{- $bytes := include "limbeck.units" . | int64 -}}
{{- if lt $bytes (int64 167772160) -}}
{{- fail (printf "gateway.resources.limits.memory must be 160Mi or more, as a gateway takes 128Mi besides the bodies of requests, but is %v" .) -}}
{{- end -}}
{{- div (sub $bytes 134217728) 3 -}}
{{- end -}}
{{- end -}}
