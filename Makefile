# Everything a fresh machine needs: Python 3.11 or newer, and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Each process of pytest has about a core, so polars takes one thread in each. One more than there are cores works while
# others wait for servers, processes and browsers.
PROCESSES = $$(($$(nproc) + 1))
PYTEST = POLARS_MAX_THREADS=1 $(BIN)/python -m pytest --numprocesses $(PROCESSES) --maxprocesses 4 --dist loadfile --no-loadscope-reorder
# Containers often forbid Python to keep what it compiled; then each of some hundred processes compiles its imports again.
unexport PYTHONDONTWRITEBYTECODE
QUICK := not campaign and not server and not prefect and not browser and not corpus and not slow
EXTRAS := dev audit iceberg copies lineage postgresql dask report sign
SHARED := python-dateutil six tzdata pyarrow  # what pandas needs and the environment has

.PHONY: run site browser test quick campaigns coverage lint format wheel docs bench bench-peers bench-doors bench-load bench-search bench-git bench-scale bench-dask kills fuzz linear shaken score dates lock clean serve-campaign

# The flow on the seeds, recorded on a local Prefect server that the command starts and ends itself.
run: export PREFECT_HOME ?= $(CURDIR)/.prefect
run: $(READY)
	@$(BIN)/pressmark ingest --flow seeds output
	@echo; echo "Three lines of polars (docs/first_query.py):"; echo; sed '/^$$/d; s/^/  /' docs/first_query.py; echo
	@$(BIN)/python docs/first_query.py

# Chromium, for the tests that look at pages; they are skipped, with the reason, where it can't be installed.
browser:
	@command -v chromium > /dev/null || { apt-get update && apt-get install --yes --no-install-recommends chromium; } > /dev/null 2>&1 || echo "chromium can't be installed here"

test: $(READY)
	@$(PYTEST) -m "not campaign"

# What `make test` shows for one destination, kind, seed or moment of a kill, for all of them.
campaigns: $(READY)
	@$(PYTEST) -m campaign

# Unit and law tests, without servers, browsers, the real articles and whole runs in a row: under a minute on two cores.
quick: PROCESSES = $$(nproc)  # nothing here waits
quick: $(READY)
	@$(PYTEST) -m "$(QUICK)" --durations=5 --durations-min=5

# The whole suite once more, measured: fails where less of the product is reached than the floor in pyproject.toml.
coverage: $(READY)
	@$(PYTEST) --cov --cov-report=term-missing:skip-covered

lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# dist/: the source distribution, and from that the wheel, built with what the lock holds and without the network.
wheel: $(READY)
	@$(BIN)/uv build --quiet --python $(BIN)/python --no-build-isolation --offline --clear --out-dir dist

# docs/columns.md from the schemas, docs/errors.md from the code that raises them, docs/pictures/ from what draws them.
docs: $(READY)
	@for page in columns errors; do $(BIN)/python docs/$$page.py > $(VENV)/$$page.md && mv $(VENV)/$$page.md docs/$$page.md; done
	@DRAW=1 $(BIN)/python -m pytest -q tests/docs/test_documents.py -k picture

# The documents as a site in .bench/site, with a reference of the Python API; nothing is fetched while it is built.
SITE := .bench/site-env
site: $(READY) $(SITE)/.ready
	@rm -rf .bench/site-docs && mkdir -p .bench/site-docs && cp -r docs/*.md docs/pictures *.md .bench/site-docs/
	@cd .bench/site-docs && mv README.md index.md && sed -i -E 's@\]\((\.\./|docs/)@](@g; s@\]\(README\.md@](index.md@g; s@\]\(LICENSE\)@]@g' *.md
	@DISABLE_MKDOCS_2_WARNING=true NO_MKDOCS_2_WARNING=1 $(SITE)/bin/mkdocs build --quiet --strict
	@echo "open .bench/site/index.html"

$(SITE)/.ready: site.lock $(VENV)/.synced
	@rm -rf $(SITE) && $(PYTHON) -m venv --without-pip $(SITE)
	@$(BIN)/uv pip sync --quiet --python $(SITE)/bin/python --require-hashes site.lock
	@touch $@

# Beside the bare floor and the script most people would write; needs ../shared.
bench: $(READY)
	@$(BIN)/python benchmarks/bench.py

# The same with peers, which are in no lock, in an environment of their own.
bench-peers: $(READY)
	@test -d .bench/peers || { $(PYTHON) -m venv .bench/peers && $(BIN)/uv pip install --quiet --python .bench/peers/bin/python -r pyproject.toml --extra peers; }
	@$(BIN)/python benchmarks/bench.py --peers .bench/peers/bin/python

# Each door beside its bare reader, on generated articles: time, and a crawl's memory.
bench-doors: $(READY)
	@$(BIN)/python -m benchmarks.doors $(if $(PEERS),--peers $(PEERS))

# Loads of 500,000 paragraphs beside each destination's own floor; needs ../shared.
bench-load: $(READY)
	@$(BIN)/python -m benchmarks.load

# Searches of a million paragraphs beside full scans by polars and DuckDB; needs ../shared.
bench-search: $(READY)
	@$(BIN)/python -m benchmarks.search_bench

# A generated archive of 60,000 articles as a folder and as a repository, with and without its history.
bench-git: $(READY)
	@$(BIN)/python -m benchmarks.history_bench

# Generated archives of 10,000, 60,000 and 300,000 articles: time, memory, and runs with little to do. With
# AGAINST=PATH, 60,000 also by another checkout that has its own .venv.
bench-scale: $(READY)
	@$(BIN)/python -m benchmarks.scale_bench $(if $(AGAINST),--against $(AGAINST))

# One machine's processes beside Dask workers, over a local S3 server.
bench-dask: $(READY)
	@$(BIN)/python -m benchmarks.dask_bench

# Ingests and loads killed at each step and at random moments, and what they left.
kills: $(READY)
	@$(BIN)/python -m benchmarks.killed_ingests
	@PYTHONPATH=tests $(BIN)/python -m benchmarks.kills

# Readers while runs publish, pairs of writers, full and read-only disks.
shaken: $(READY)
	@$(BIN)/python -m benchmarks.shaken

# A schedule in fast motion: 300 runs with the server, the process that serves and runs killed in between; about two hours.
serve-campaign: $(READY)
	@$(BIN)/python -m benchmarks.served $(if $(RUNS),--runs $(RUNS))

# Mutated inputs at every door, judged by the laws, and a search for inputs that take more than linear time; what is
# found is printed, and of `fuzz` saved in .bench/findings. SECONDS=N says for how long; `fuzz` takes CORPUS=FOLDER, too.
fuzz: $(READY)
	@$(BIN)/python -m benchmarks.fuzz --seconds $(or $(SECONDS),600) $(if $(CORPUS),--corpus $(CORPUS))

linear: $(READY)
	@$(BIN)/python -m benchmarks.linear --seconds $(or $(SECONDS),600)

# Roles on the hand-labelled articles, and dates over the corpus; both need ../shared.
score: $(READY)
	@$(BIN)/python -m benchmarks.score

dates: $(READY)
	@$(BIN)/python -m benchmarks.dates

# The environment is made from the lock alone, with hashes. Modules of libraries are byte-compiled when a make target first
# imports them: all of them at once takes longer than everything else here. Our own are, as commands may be run where
# Python is told to keep nothing.
# Pandas lies in a folder beside: pyarrow imports it wherever it is installed, 0.4 s of every start. Snippets use it.
$(VENV)/.synced: requirements.lock bootstrap.lock pandas.lock
	@echo "Creating the environment in $(VENV) …"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r bootstrap.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps --target $(VENV)/pandas -r pandas.lock
	@touch $@

$(READY): $(VENV)/.synced pyproject.toml
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --offline -e .
	@$(BIN)/python -m compileall -q -j 2 flows schemas storage transforms views warehouses
	@touch $@

lock:
	@$(BIN)/uv pip compile --quiet --generate-hashes --no-header --universal --python-version 3.11 bootstrap.in -o bootstrap.lock
	@$(BIN)/uv pip compile --quiet --generate-hashes --no-header --universal --python-version 3.11 $(EXTRAS:%=--extra %) pyproject.toml -o requirements.lock
	@$(BIN)/python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['docs'], sep='\n')" | $(BIN)/uv pip compile --quiet --generate-hashes --no-header --universal --python-version 3.11 - -o site.lock
	@$(BIN)/uv pip compile --quiet --generate-hashes --no-header --universal --python-version 3.11 --constraint requirements.lock $(SHARED:%=--no-emit-package %) pandas.in -o pandas.lock

clean:
	rm -rf $(VENV) .prefect .bench .coverage build dist
	find output -mindepth 1 ! -name .gitignore -delete
