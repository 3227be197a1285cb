# `make` lists the targets. A fresh machine needs Go, make and git; what else the tools need, Go fetches by itself.

BENCH ?= Refresh$$
DURATION ?= 1h
FUZZTIME ?= 1m

# The tests that inject faults, by their names.
FAULTS ?= F[0-9]+_|SeededDefects|FiftyUses|OfTwoUses|WhatARefreshMakes|WEB65|RequirementsOfServing|AnUpgradeThatIsKilled|ABackupUnderLoad|AReadThatNeverEnds|Litestream|OAuth2Proxy

# Only the race detector needs C. What is compiled with it and without are two sets of packages, and vet would need the one that no
# test uses.
export CGO_ENABLED := 0

tool := go tool -modfile=.tools/go.mod

# SQLite is C turned into Go and guards itself. Watched too, it takes four times as long and tells nothing of our code.
unwatched := -gcflags=modernc.org/sqlite/lib=-race=false -gcflags=modernc.org/libc=-race=false

# The tests that take longest begin first: what begins last should not keep one processor waiting for the other.
longest := ./web ./cmd/regrant ./app/oauth
longest_watched := ./cmd/regrant ./web ./db

# Some wait for browsers, programs and clocks more than they compute, so one more package at a time than there are processors.
at_once := -p $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

.DEFAULT_GOAL := help
.PHONY: help run build generate test check fresh lint race vulnerabilities bench faults soak fuzz

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build and start the server on http://localhost:8080, with ./regrant.db
	bin/regrant serve

build: ## build the static binary bin/regrant
	go build -trimpath -o bin/regrant ./cmd/regrant

generate: ## write the generated files anew: SQL (sqlc), pages (templ), lists (go generate)
	$(tool) sqlc -f db/sqlc.yaml generate
	go tool templ generate
	go generate ./...

test: ## run all tests; those that need a browser skip where chromium is missing
	@command -v chromium chromium-browser google-chrome >/dev/null || echo "chromium is not installed: the tests that need a browser will skip"
	go test -timeout 20m $(at_once) $(longest) ./...

check: fresh lint race vulnerabilities ## what must be green before a commit: fresh, lint, race, vulnerabilities

fresh: ## fail when a generated file is stale
	$(tool) sqlc -f db/sqlc.yaml diff
	go tool templ generate -check
	@before=$$(mktemp) && trap 'rm -f "$$before"' EXIT && cp app/account/blocklist.txt "$$before" && \
		go generate ./... && cmp app/account/blocklist.txt "$$before"

lint: ## gofmt, templ fmt, go vet, staticcheck
	@unformatted=$$(git ls-files --cached --others --exclude-standard '*.go' | xargs ls 2>/dev/null | xargs gofmt -l) && \
		{ [ -z "$$unformatted" ] || { echo "gofmt these:"; echo "$$unformatted"; exit 1; }; }
	go tool templ fmt -fail .
	go vet ./...
	$(tool) staticcheck ./...

race: ## run the tests with the race detector and reduced counts; needs gcc
	@if command -v gcc >/dev/null; then \
		echo "go test -race -short ./..." && CGO_ENABLED=1 go test -timeout 20m $(at_once) -race $(unwatched) -short $(longest_watched) ./...; \
	elif [ "$$CI" = true ]; then echo "the race detector needs gcc" >&2; exit 1; \
	else echo "skipped: the race detector needs gcc"; fi

vulnerabilities: ## look for known vulnerabilities in what the binary calls; skips when the database is out of reach
	@.tools/vulnerabilities

bench: ## refreshes over real HTTP against yardsticks of the same minutes: a table, and bench.json; BASE=old.json compares; BENCH=Endpoints or Scale
	REGRANT_BENCH_JSON=$(CURDIR)/bench.json REGRANT_BENCH_BASE=$(if $(BASE),$(abspath $(BASE))) \
		go test -run '^$$' -bench '$(BENCH)' -benchtime 1x -timeout 2h ./cmd/regrant

faults: ## try every fault as often as it takes for the figures; takes hours
	REGRANT_FAULTS=full go test -v -timeout 0 -run '$(FAULTS)' ./...

soak: ## mixed load and a kill every ten minutes, for DURATION (1h)
	REGRANT_SOAK=$(DURATION) go test -v -timeout 0 -run F18_ ./cmd/regrant

fuzz: ## fuzz every parser for FUZZTIME each (1m)
	@for dir in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u); do \
		for name in $$(grep -hoE '^func Fuzz\w+' $$dir/*_test.go | cut -c6-); do \
			echo "$$dir $$name" && go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$dir || exit 1; \
		done; \
	done
