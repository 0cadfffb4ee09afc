{{- define "scaledapp.labels" -}}
app.kubernetes.io/name: scaledapp
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- /* An image by its name: given in full, or from registry and tag. */ -}}
{{- define "scaledapp.image" -}}
{{- $images := index . 0 -}}{{- $name := index . 1 -}}{{- $version := index . 2 -}}
{{- index $images $name | default (printf "%s/%s:%s" $images.registry $name ($images.tag | default $version)) -}}
{{- end -}}
