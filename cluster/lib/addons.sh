# shellcheck shell=bash
# What the cluster has besides pods: the DNS Service, local volumes, simulated GPUs.

VOLUMES=5

dns_service() {
  kubectl_of "$STATE" apply -f - >/dev/null <<X
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: $SERVICE_DNS, ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns-host, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]
endpoints: [{addresses: ["$BRIDGE_ADDRESS"], conditions: {ready: true}}]
X
}

volume() {
  cat <<X
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: local-$1}
spec:
  capacity: {storage: 10Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: local
  local: {path: $STATE/volumes/local-$1}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [$NODE]}]}]}}
X
}

# Local volumes, because the kubelet applies fsGroup to them, and plain folders of the host keep extended attributes.
local_volumes() {
  local number
  {
    cat <<X
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
X
    for ((number = 1; number <= VOLUMES; number++)); do
      mkdir -p "$STATE/volumes/local-$number"
      volume "$number"
    done
  } | kubectl_of "$STATE" apply -f - >/dev/null
}

# A volume whose claim is gone is emptied and offered again.
recycle_volumes() {
  local name phase
  while read -r name phase; do
    [[ $phase == Released && $name == local-* ]] || continue
    find "$STATE/volumes/$name" -mindepth 1 -delete
    kubectl_of "$STATE" patch persistentvolume "$name" --type=merge -p '{"spec":{"claimRef":null}}' >/dev/null
  done < <(kubectl_of "$STATE" get persistentvolumes --no-headers -o custom-columns=n:.metadata.name,p:.status.phase)
}

# gpu N: the node says that it has N GPUs, and the scheduler counts them. The kubelet forgets it when it restarts.
gpu() {
  [[ ${1:-} =~ ^[0-9]+$ ]] || die "gpu takes a number, for example: cluster/cluster gpu 4"
  api_ready "$STATE" &>/dev/null || die "there is no cluster that answers; bring it up with: make cluster-up"
  local path='status/%s/nvidia.com~1gpu' patch
  # shellcheck disable=SC2059  # the format is the line above
  patch=$(printf "[{\"op\":\"add\",\"path\":\"/$path\",\"value\":\"$1\"},{\"op\":\"add\",\"path\":\"/$path\",\"value\":\"$1\"}]" capacity allocatable)
  kubectl_of "$STATE" patch node "$NODE" --subresource=status --type=json -p "$patch" >/dev/null
  echo "$1" >"$STATE/gpus"
}

gpus_there() {
  local have
  have=$(kubectl_of "$STATE" get node "$NODE" -o 'jsonpath={.status.allocatable.nvidia\.com/gpu}' 2>/dev/null)
  [[ $have == "$(cat "$STATE/gpus" 2>/dev/null)" ]]
}
