# `bin/setup` prepares whatever a target needs, so every target works on a bare clone; a second time takes a moment.
PYTHON = .venv/bin/python
SETS = bot worker training

.PHONY: help run setup dev test test-long fuzz chaos lint image bench showcase lock upgrade audit texts clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## start the bot and its worker; without a token, compose a piece into out/
	@bin/run

setup: ## install the packages of the bot and its worker
	@bin/setup bot worker

dev: ## install the packages of training, tests and checks too
	@bin/setup dev

# Tests wait most of their time, hence four at a time. The tests of a file share slow fixtures, so they stay together.
test: dev ## run all tests but the slow ones, four at a time
	@$(PYTHON) -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

test-long: dev ## run the slow tests: killed or frozen workers and trainings, benchmarks; some minutes
	@$(PYTHON) -m pytest -m long

fuzz: dev ## try thousands of damaged files, odd texts and broken records, new ones each time
	@HYPOTHESIS_PROFILE=long $(PYTHON) -m pytest --timeout 0 tests/system/fuzz

chaos: dev ## cause every fault for ten minutes on SQLite, then on PostgreSQL (CHAOS_SECONDS, CHAOS_SEED)
	@CHAOS_SECONDS=$${CHAOS_SECONDS:-600} $(PYTHON) -m pytest -s -m "" tests/system/test_chaos.py

lint: dev ## check format, style and types
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy

image: ## build the container image for one machine and have it compose a piece; needs Docker or Podman
	@bin/image

bench: dev ## print the tables of all benchmarks, in some 20 minutes; QUICK=--quick only shows that they run
	@for file in benchmarks/[a-z]*.py; do $(PYTHON) -m benchmarks.$$(basename $$file .py) $(QUICK) || exit 1; done

showcase: dev ## make the README's pieces and pictures anew
	@$(PYTHON) -m docs.showcase

# requirements/dev.txt comes first, and its versions bind the other sets, so that all can share one .venv.
LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command 'make lock' $(UPGRADE)
lock: ## write requirements/ anew from pyproject.toml, with the same versions where they fit
	@bin/setup
	@$(LOCK) --all-extras --group tools pyproject.toml --output-file requirements/dev.txt
	@$(LOCK) --group tools --constraint requirements/dev.txt --output-file requirements/tools.txt
	@for set in $(SETS); do $(LOCK) --extra $$set --constraint requirements/dev.txt pyproject.toml \
		--output-file requirements/$$set.txt || exit 1; done
	@$(LOCK) --group gpu --constraint requirements/dev.txt --output-file requirements/gpu.txt

upgrade: UPGRADE = --upgrade
upgrade: lock ## write requirements/ anew with the newest versions that pyproject.toml allows

audit: dev ## look the pinned packages up in PyPI's advisories
	@bin/audit

# Every sentence of the bot stands in English in the code; a new one gets an empty place in each catalogue.
texts: dev ## bring the translations in bot/language/locales up to date with the code
	@mkdir -p build
	@$(PYTHON) -m babel.messages.frontend --quiet extract $(WORDS) --output-file build/messages.pot bot core
	@for file in bot/language/locales/*.po; do $(PYTHON) -m babel.messages.frontend --quiet update --no-fuzzy-matching \
		--ignore-obsolete --width 110 --ignore-pot-creation-date --input-file build/messages.pot \
		--output-file $$file --locale $$(sed -n 's/.*"Language: \(.*\)\\n".*/\1/p' $$file) || exit 1; done
WORDS = --no-location --no-default-keywords $(addprefix --keyword ,say say_some:1,2 Text described named BadRequest \
	QueueError RenderError StoreError UnknownNotes)

clean: ## remove .venv and the caches of tests; pieces, data, training runs and .env stay
	@rm -rf .venv build *.egg-info .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
