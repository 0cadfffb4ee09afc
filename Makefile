# Everything a newcomer types. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help up down test kubeconfig images bench check unit control-plane e2e generate mutants clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-15s %s\n", $$1, $$2}'

up: ## a local Kubernetes, the operator and the sample shop, running and tried out
	@scripts/up.sh

down: ## ends what `make up` started and leaves nothing behind
	@tests/cluster/cluster.sh down

kubeconfig: ## prints the path of the local cluster's kubeconfig
	@tests/cluster/cluster.sh kubeconfig

images: ## builds the images; `make images push REGISTRY=registry.example/team` pushes them
	@images/build.sh $(if $(filter push,$(MAKECMDGOALS)),push $(REGISTRY),build)

ifneq ($(filter push,$(MAKECMDGOALS)),)
.PHONY: push
push: images
	@:
endif

test: ## every test that CI runs
	@scripts/test.sh

check: ## format, lints, generated files
	@scripts/test.sh check

unit: ## unit, property and golden tests
	@scripts/test.sh unit

control-plane: ## tests against a real API server
	@scripts/test.sh control-plane

e2e: ## the whole story on a local cluster, with real pods
	@scripts/test.sh e2e

bench: ## the figures of docs/benchmarks.md
	@tests/bench/run.sh

generate: ## regenerates the CRD, the role, the install manifest and the references
	@scripts/generate.sh

mutants: ## what no test notices, in the planner, the domain and the builders (changed lines; ALL=1 for everything)
	@scripts/mutants.sh

clean: ## removes what was built in this checkout
	@cargo clean --quiet; rm -rf build
