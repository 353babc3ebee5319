# shellcheck shell=bash
# Certificates and kubeconfigs of one state folder: one authority, elliptic keys, made in about a second.

# certificate NAME SUBJECT [ALTERNATIVE NAMES], in the current folder
certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -out "$1.crt" -days 3650 \
    -extfile <(printf 'extendedKeyUsage=clientAuth,serverAuth\n%s\n' "${3:+subjectAltName=$3}") 2>/dev/null
  rm "$1.csr"
}

authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 3650 \
    -subj /CN=limbeck-cluster 2>/dev/null
  openssl ecparam -name prime256v1 -genkey -noout -out sa.key
  openssl ec -in sa.key -pubout -out sa.pub 2>/dev/null
}

# kubeconfig NAME PORT, in the current folder: the certificate NAME as a user of the API server on PORT
kubeconfig() {
  cat >"$1.conf" <<X
apiVersion: v1
kind: Config
current-context: limbeck
contexts: [{name: limbeck, context: {cluster: limbeck, user: $1}}]
clusters: [{name: limbeck, cluster: {server: "https://127.0.0.1:$2", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
X
  chmod 600 "$1.conf"
}

# make_pki STATE PORT: what every API server needs
make_pki() (
  umask 077
  mkdir -p "$1/pki"
  cd "$1/pki" || exit
  local service=kubernetes.default.svc
  authority
  certificate apiserver /CN=kube-apiserver \
    "DNS:kubernetes,DNS:kubernetes.default,DNS:$service,DNS:$service.cluster.local,DNS:localhost,IP:127.0.0.1,IP:$SERVICE_API,IP:$BRIDGE_ADDRESS"
  certificate admin /O=system:masters/CN=admin
  certificate controllers /CN=system:kube-controller-manager
  kubeconfig admin "$2"
  kubeconfig controllers "$2"
  cp admin.conf "$1/admin.conf"
)

# make_node_pki STATE PORT: what a node and its scheduler need besides
make_node_pki() (
  umask 077
  cd "$1/pki" || exit
  certificate apiclient /O=system:masters/CN=kube-apiserver-kubelet-client
  certificate scheduler /CN=system:kube-scheduler
  certificate proxy /CN=system:kube-proxy
  certificate kubelet "/O=system:nodes/CN=system:node:$NODE" "DNS:$NODE,IP:$BRIDGE_ADDRESS"
  kubeconfig scheduler "$2"
  kubeconfig proxy "$2"
  kubeconfig kubelet "$2"
)
