# make demo ARGS="--minutes 2"    the way of a stem, on this machine
# make test                       lint, types and every test
# make test-installed             amos from a wheel: a player alone, the demo, the lowest versions of what it needs
# make fresh ARCH=amd64           both of them on bare Debian 12 and 13 (arm64, armhf: the demo, emulated); needs root
# make sweep                      the long runs: every power cut of the journal, two hundred kills, two hundred runs of
#                                 every fault between player and ledger, ten minutes of sound under load, the portable tests
#                                 on the newest MicroPython and on an emulated Cortex-M,
#                                 a ledger killed, without power and refused at every operation on its disk, and killed in
#                                 every state of a PostgreSQL database
# make screenshots                the pictures in host_tools/OPERATING.md, taken anew of a demo's pages
# make fuzz CASES=1000000         hostile bytes at every door, and as many messages again to the ledger's intake

PYTHON ?= python3
ARGS ?=
ARCH ?= amd64
CASES ?= 1000000
# Many tests wait for processes of their own: one worker more than there are cores.
WORKERS ?= $(shell expr $$(nproc) + 1)
BOOTSTRAP = $(PYTHON) -I host_tools/amos_tools/bootstrap.py
# Types hold for the Python that runs here and for this one.
PYTHON_NEWEST = 3.14
CPYTHON_ONLY = $(shell find firmware/amos -name host.py -o -name '*_host.py' -o -name '*_numpy.py')

.PHONY: demo test test-installed fresh sweep screenshots fuzz lint types types-newest types-boards bench clean venv-demo venv-test

demo: venv-demo
	@.venv/bin/amos demo $(ARGS)

test: lint
	@.venv/bin/python -m pytest -q -n $(WORKERS) --dist worksteal $(ARGS)

fresh:
	@PYTHONPATH=host_tools $(PYTHON) -m amos_tools.fresh --arch $(ARCH) $(ARGS)

test-installed: venv-test
	@.venv/bin/python -m pytest -q -n 2 -m install tests/install $(ARGS)

sweep: venv-test
	@.venv/bin/python -m pytest -q -s -m sweep tests/test_portable.py tests/journal tests/app tests/edges tests/rights tests/boards tests/ledger tests/pack tests/sync $(ARGS)

screenshots: venv-test
	@AMOS_SCREENSHOTS=yes .venv/bin/python -m pytest -q tests/demo/test_demo.py -k second_run $(ARGS)

fuzz: venv-test
	@AMOS_FUZZ_CASES=$(CASES) .venv/bin/python -m pytest -q -n auto --dist worksteal tests/script/test_fuzz.py tests/fuzz $(ARGS)

lint: venv-test
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet
	@$(MAKE) --no-print-directory --jobs=3 --output-sync types types-newest types-boards

types:
	@.venv/bin/mypy --no-error-summary daemon host_tools $(CPYTHON_ONLY)

types-newest:
	@.venv/bin/mypy --no-error-summary --python-version $(PYTHON_NEWEST) daemon host_tools $(CPYTHON_ONLY)

types-boards:
	@.venv/bin/basedpyright --level error

bench: venv-demo
	@.venv/bin/amos bench $(ARGS)

venv-demo venv-test: venv-%:
	@$(BOOTSTRAP) $*

# Keeps demo results, fetched tools and the roots of `make fresh` (~/.cache/amos).
clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
