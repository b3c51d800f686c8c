# Two commands are all that a newcomer needs: `make demo` and `make test`. The rest is for those who work on it.
# Everything that is installed lands in this folder (scripts/setup); nothing global but Debian packages for the tests.

DEV := .venv-dev/bin
BENCH := .venv-bench/bin/python
FUZZ := .venv-fuzz/bin/python
# Twice as many as the CI machine has cores: with three, a tenth of their time and more goes by unused.
JOBS ?= 4
MEASURED := --cov --cov-report=
# Suites that run every branch of domain, crypto, ports and services by themselves. In the others nothing is measured.
COVERING := tests/unit tests/services
# Suites of the running product: `make test-cluster` runs them all on the cluster stack.
PRODUCT := $(addprefix tests/,api attacker browser cli client deployment downloads ks matrix model nodes property services upgrade uploads web)
# Where the stacks can behave differently, and one walk through each surface: `make test` runs these on the cluster stack.
# Left out are headers, names, receipts, checksums, the upload protocols' requests, slow, quick, broken and malformed ones, other
# clients, the proxy, the processes of a server, logins and Altinn: they reach a store by calls that others here make too,
# or by none. Nor are workers killed here that send e-mail or call webhooks: notices, whose test runs, are in the same outbox.
STACK_DEPENDENT := $(addprefix tests/,uploads downloads nodes deployment web/pages/sharing/test_drafts.py \
    api/test_shares.py::test_a_published_share_is_open_to_its_recipient_and_the_system_reads_the_receipts \
    ks/test_sharing.py::test_a_document_is_shared_with_its_recipients_until_its_end \
    cli/test_commands.py::test_setting_up_goes_as_the_committed_transcript_says) \
  $(addprefix --ignore=tests/,downloads/test_preconditions.py downloads/test_names.py uploads/test_protocol.py \
    uploads/test_state_machine.py uploads/test_checksums.py uploads/test_slow_clients.py uploads/test_quick_clients.py uploads/test_broken_connections.py \
    uploads/test_malformed_requests.py uploads/test_real_clients.py downloads/test_receipt_states.py nodes/test_proxy.py nodes/test_proxied_receipts.py \
    nodes/test_server_processes.py deployment/test_decision_point.py deployment/test_verification_list.py \
    deployment/test_webhooks.py deployment/crashes/test_email_crash.py)
# Contract tests that need a server of their own are left out of `make quick`. Unit tests need none, whatever their names.
WITHOUT_SERVERS := unit or not (postgres or openbao or transit or pkcs11 or s3 or seaweedfs or softhsm)
# With the oldest Python and packages, one contract on each kind of server is enough: what differs is what calls it.
ON_MINIMUM := ($(WITHOUT_SERVERS)) or test_transactions or test_keyring or test_blobs
# Memory in large pages: on a virtual machine the tests' processes take a seventh less time. Python's own allocator asks for none.
LARGE_PAGES := PYTHONMALLOC=malloc GLIBC_TUNABLES=glibc.malloc.hugetlb=1
# A file stays on one process, so its deployment, demo or browser starts once.
PYTEST = $(LARGE_PAGES) $(DEV)/pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder
# What failed is run once more, alone.
suite = $(PYTEST) $(1); case $$? in 0) ;; 1) $(MAKE) --no-print-directory alone MEASURED="$(MEASURED)" ;; *) exit 1 ;; esac
# Each of these checks uses one core.
SIDE_BY_SIDE := $(MAKE) --no-print-directory --jobs 2 --output-sync=target
UV := UV_PYTHON_DOWNLOADS=never .tools/bin/uv
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --python-version 3.11 --custom-compile-command "make lock"
SOURCES := src tests scripts release $(wildcard bench)
# Some machines ask for nothing compiled to be kept; hundreds of processes would each compile all of it, two seconds long.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check quick static lint types imports frontend covered tests cluster test-cluster alone minimum test-large mutation
.PHONY: bench bench-large fuzz format lock wheel release audit clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

demo: ## set up and run the demo on loopback (PORT= and DATA= override)
	@scripts/setup demo
	@exec .venv/bin/deldokument demo $(if $(PORT),--port "$(PORT)") $(if $(DATA),--data "$(DATA)")

test: ## set up; every check; every suite, and on the second stack what can differ there
	@scripts/setup debian
	@scripts/setup dev
	@$(MAKE) --no-print-directory check

check: ## every check and test of `make test`, on what is set up
	@$(SIDE_BY_SIDE) static covered
	@$(MAKE) --no-print-directory tests cluster

quick: ## lint, types, imports; unit and contract tests on SQLite
	@$(SIDE_BY_SIDE) lint types imports
	$(PYTEST) tests/unit tests/contract -k "$(WITHOUT_SERVERS)"

static: ## lint, types, imports, and the front end
	@$(SIDE_BY_SIDE) lint types imports frontend

lint: ## format and lint
	$(DEV)/ruff format --check $(SOURCES)
	$(DEV)/ruff check $(SOURCES)

types: ## mypy --strict
	$(DEV)/mypy --strict src release bench

imports: ## import contracts: which package may import which
	$(DEV)/lint-imports

frontend: ## the front end's types and tests
	$(DEV)/node frontend/node_modules/typescript/bin/tsc --noEmit --project frontend
	$(if $(wildcard frontend/tests/*.test.ts),cd frontend && ../$(DEV)/node --test 'tests/*.test.ts')

covered: ## unit tests and services, with every branch of domain, crypto and services covered
	@$(call suite,$(MEASURED) $(COVERING))
	$(DEV)/coverage report --skip-covered --fail-under=100

tests: MEASURED :=
tests: ## every other suite on the embedded stack
	@$(call suite,$(addprefix --ignore=,$(COVERING)))

cluster: export TEST_STACK := cluster
cluster: MEASURED :=
cluster: ## what can differ there, on PostgreSQL, SeaweedFS and OpenBao (SUITES= for others)
	@$(call suite,$(or $(SUITES),$(STACK_DEPENDENT)))

test-cluster: ## set up and run every suite of the running product on PostgreSQL, SeaweedFS and OpenBao
	@scripts/setup debian
	@scripts/setup dev
	@$(MAKE) --no-print-directory cluster SUITES="$(PRODUCT)"

alone: ## what failed in the last run, once more with nothing beside it; what fails again has failed
	@echo "UNSTEADY, if they pass now: the tests that follow failed beside others."
	$(DEV)/pytest --last-failed --last-failed-no-failures=none --maxfail=1 --verbose $(MEASURED) $(if $(MEASURED),--cov-append)

minimum: ## unit and contract tests on the oldest Python and packages that the wheels accept, few of those that need a server
	@scripts/setup minimum
	$(LARGE_PAGES) .venv-minimum/bin/pytest --numprocesses $(JOBS) --dist loadfile tests/unit tests/contract -k "$(ON_MINIMUM)"

test-large: ## files of 5 GB and long loads, minutes each
	@scripts/setup large
	@scripts/setup dev
	$(DEV)/pytest -m large --timeout=1800
	@$(MAKE) --no-print-directory minimum
	@$(MAKE) --no-print-directory mutation

fuzz: ## coverage-guided fuzzing of each decoder and parser; SECONDS= for each (900), TARGETS= for some
	@scripts/setup fuzz
	@for target in $(or $(TARGETS),$(basename $(notdir $(wildcard tests/fuzz/corpus/*.txt)))); do \
	  $(FUZZ) -m tests.fuzz.run $$target $(or $(SECONDS),900) || exit 1; \
	done

mutation: ## the mutation score of domain, crypto and access; fails below the recorded one
	$(DEV)/python -m tests.mutation.run

bench: ## measured beside nginx and others, a quarter of an hour; WRITE=1 puts it into docs/performance.md
	@scripts/setup bench
	$(BENCH) -m bench $(if $(WRITE),--write)

bench-large: ## a million shares, and as many people as two cores carry, ten minutes
	@scripts/setup bench
	$(BENCH) -m bench.large

format: ## put the code into its one format
	$(DEV)/ruff format $(SOURCES)
	$(DEV)/ruff check --fix $(SOURCES)

lock: ## resolve the dependencies anew
	@scripts/setup tools
	$(COMPILE) requirements/tools.in --output-file requirements/tools.lock
	$(COMPILE) requirements/audit.in --output-file requirements/audit.lock
	$(COMPILE) pyproject.toml --extra demo --group build --output-file requirements/demo.lock
	$(COMPILE) pyproject.toml --extra cluster --extra traces --output-file requirements/product.lock
	$(COMPILE) client/pyproject.toml --constraint requirements/product.lock --output-file requirements/client.lock
	$(COMPILE) pyproject.toml --extra cluster --extra demo --extra traces --group dev --output-file requirements/dev.lock
	$(COMPILE) pyproject.toml --extra cluster --extra demo --extra traces --group bench --output-file requirements/bench.lock
	$(COMPILE) pyproject.toml --extra cluster --extra demo --extra traces --resolution lowest-direct --output-file .tools/minimum.lock
	$(COMPILE) pyproject.toml --extra cluster --extra demo --extra traces --group dev --constraint .tools/minimum.lock \
	  --output-file requirements/minimum.lock
	$(COMPILE) pyproject.toml --group fuzz --constraint requirements/product.lock --output-file requirements/fuzz.lock

wheel: ## dist/: the service's wheel and the client's, and for each a list of the packages it needs, with hashes
	@scripts/setup demo
	@rm -rf dist
	.venv/bin/hatchling build -t wheel
	cd client && ../.venv/bin/hatchling build -t wheel -d ../dist
	@cp requirements/product.lock dist/requirements.txt
	@cp requirements/client.lock dist/client-requirements.txt

release: ## dist/: every artefact of the commit that is checked out, built from a clean clone; KEY= signs and tags it, WITHOUT_IMAGE=1
	@scripts/setup tools
	@.tools/bin/python -m release $(if $(KEY),--key "$(KEY)") $(if $(WITHOUT_IMAGE),--without-image)

audit: ## known vulnerabilities in the locked packages; says NOT CHECKED where no feed answers
	@scripts/setup demo
	@scripts/setup audit
	@.tools/bin/python -m release.audit

clean: ## remove everything that was set up or built
	rm -rf .tools .venv .venv-dev .venv-minimum .venv-bench .venv-fuzz .venv-audit bench/node_modules frontend/node_modules src/deldokument/web/static
