# Nexus: two commands matter, `make run` and `make test`. The rest is listed by `make help`.
PREFIX ?= /usr/local
DESTDIR ?=
export PREFIX DESTDIR SEED HOURS FIRST

.PHONY: help run test quick build install uninstall deb tarball bench simulate routing-study fuzz picture lint clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

run: build ## install what is missing, build, start a model server and nexus, print the dashboard's address
	@.venv/bin/python scripts/run.py

test: ## install what is missing, build, run every test
	@scripts/test.sh

quick: ## what a change needs, in under three minutes: lint, unit tests, a few end-to-end tests on a debug build
	@scripts/quick.sh

build:
	@scripts/setup.sh run
	@scripts/build.sh

install: ## install under PREFIX (/usr/local), below DESTDIR if given
	@scripts/setup.sh install
	@scripts/build.sh
	@scripts/install.sh

uninstall: ## remove what `make install` installed
	@scripts/uninstall.sh

deb: ## build a Debian package in dist/: program, adapters, systemd units, manual pages
	@scripts/setup.sh package
	@scripts/build.sh
	@scripts/deb.sh

tarball: ## build an archive in dist/ that runs from any folder
	@scripts/setup.sh package
	@scripts/build.sh
	@scripts/tarball.sh

bench: ## measure nexus against nginx; BENCH="--rounds 1" passes options
	@scripts/setup.sh bench
	@scripts/build.sh
	@benchmarks/abi.sh
	@python3 benchmarks/run.py $(BENCH)

simulate: ## run the gateway inside a simulation: SEED=n replays one run, HOURS=h runs h virtual hours
	@scripts/simulate.sh

routing-study: ## compare the strategies in virtual time; writes the table and pictures of docs/routing.md
	@scripts/routing-study.sh

fuzz: ## run libFuzzer on each parser of bytes from outside: PARSER=name for one of them, SECONDS_EACH=n for how long
	@scripts/setup.sh run
	@scripts/fuzz.sh $(or $(PARSER),all) $(or $(SECONDS_EACH),60)

picture: build ## draw the picture of README (docs/top.svg) of a real run
	@.venv/bin/python scripts/picture.py

lint: ## check formatting, shell scripts and the ABI's layout
	@scripts/lint.sh
	@python3 scripts/abi.py

clean: ## remove build products, packages and the virtual environment
	rm -rf .build .build-san .build-study .build-fuzz .venv dist
