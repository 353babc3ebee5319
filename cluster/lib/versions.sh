# shellcheck shell=bash
# Every version that the cluster is built from. Another version of a program rebuilds that one and nothing else.

# 1.34 is the newest Kubernetes for containerd 1.6 and a cgroup v1 host without further switches.
KUBERNETES_VERSION=1.34.4
ETCD_VERSION=3.6.16
COREDNS_VERSION=1.12.4
HELM_VERSION=3.22.0
VERSITYGW_VERSION=1.8.0
# Of the Go module: Prometheus 3.12. The newest that the Go below builds.
PROMETHEUS_VERSION=0.312.0
# The oldest Go that builds all of them.
GO_MINIMUM=1.25
# The Debian release inside the images: another one makes another base, and all images anew.
IMAGE_SUITE=trixie
