# lunix: from a checkout to a running bus, tests and packages. `make` alone tells what there is.
#
#   PYTHON=python3.13   the interpreter that .venv is made with (3.11 or newer)
#   ARGS='...'          passed on: make up ARGS='--only natsdev', make test ARGS='tests/unit -k token'
#   STRICT=1            make test: a skip that is not on the list is a failure

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
SOAK   ?= 60
STRICT ?=

BIN  := $(VENV)/bin
MACHINES := $(filter-out %_bluetooth.py,$(sort $(wildcard tests/vm/test_*.py)))
BUS      := $(filter-out %/test_mqtt_%,$(sort $(wildcard tests/bus/test_*.py))) tests/vm/test_bluetooth.py \
            tests/languages tests/repo tests/unit
OUTCOMES := build/machines.json build/bus.json build/here.json
SKIPS := $(if $(STRICT),--only-listed-skips)
HASH := $(shell sha256sum pyproject.toml | cut -c 1-16)

# Made once for each text of pyproject.toml: a second call costs nothing, a changed dependency is installed.
RUN  := $(VENV)/.run-$(HASH)
TEST := $(VENV)/.test-$(HASH)
ALL  := $(VENV)/.all-$(HASH)

.DEFAULT_GOAL := help
.PHONY: help setup up test test-again image boot test-image coverage check check-ruff check-mypy check-pyright check-docs format docs man bench dist test-dist deb test-deb clean packages

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

setup: $(ALL) ## .venv with everything that running, testing and building need

up: $(RUN) ## install what running needs, then `lunix up` in the foreground
	@exec $(BIN)/lunix up $(ARGS)

test: $(TEST) packages ## install what the tests need, run every tier that this machine can run
ifneq ($(strip $(ARGS)),)
	$(BIN)/python -m pytest $(SKIPS) $(ARGS)
else
	$(call parts,$(BIN)/python -m pytest)
endif

test-again: $(TEST) ## run once more, alone, the tests that failed in `make test`, where they are few
	$(BIN)/python tests/repo/again.py $(OUTCOMES) -- $(BIN)/python -m pytest $(SKIPS)

coverage: $(TEST) packages ## the same tests, measured: what they are short of in each package (takes twice as long)
	$(BIN)/coverage erase
	$(call parts,$(BIN)/coverage run -m pytest)
	$(BIN)/coverage combine --quiet
	$(BIN)/python tests/repo/coverage_floor.py --enforce

# All tests in three parts of about the same length at once, since many of them wait: those that emulate machines, those of
# the bus and what needs no other process, and here those that watch this machine. The first two are shown when they are done.
define parts
	@mkdir -p build; rm -f $(OUTCOMES); \
	$(1) $(SKIPS) --outcome build/machines.json $(MACHINES) >build/machines.log 2>&1 & machines=$$!; \
	$(1) $(SKIPS) --outcome build/bus.json $(BUS) >build/bus.log 2>&1 & bus=$$!; \
	trap 'kill $$machines $$bus' INT TERM; \
	$(1) $(SKIPS) --outcome build/here.json $(addprefix --ignore=,$(MACHINES) $(BUS)); here=$$?; \
	wait $$bus; bus=$$?; cat build/bus.log; \
	wait $$machines; machines=$$?; cat build/machines.log; \
	[ $$here = 0 ] && [ $$bus = 0 ] && [ $$machines = 0 ]
endef

check: check-ruff check-mypy check-pyright check-docs ## ruff, mypy, pyright, the documentation without a warning

check-ruff: $(ALL)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

check-mypy: $(ALL)
	$(BIN)/mypy

check-pyright: $(ALL)
	$(BIN)/pyright --pythonpath $(BIN)/python

check-docs: $(ALL)
	$(BIN)/sphinx-build -n -W --keep-going -q docs docs/_build/html
	$(BIN)/sphinx-build -b man -n -W --keep-going -q -d docs/_build/html/.doctrees docs docs/_build/man

format: $(ALL) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(ALL) ## the documentation, in docs/_build/html
	$(BIN)/sphinx-build -n -W --keep-going docs docs/_build/html

man: $(ALL) ## manual pages: docs/_build/man/man1/lunix.1, man8/natsdev.8, man5/lunix.toml.5 and more
	rm -rf docs/_build/man
	$(BIN)/sphinx-build -b man -n -W --keep-going -q -d docs/_build/man.doctrees docs docs/_build/man

bench: $(TEST) packages ## the benchmarks, side by side with their peers
	$(BIN)/python -m bench $(ARGS)

dist: man ## wheel and source archive, in dist
	$(BIN)/python -m hatchling build -d dist

test-dist: dist ## what an index would say of these, and the wheel installed by pipx, in an environment of its own
	rm -rf build/dist && $(PYTHON) -m venv build/dist
	build/dist/bin/pip install --quiet --disable-pip-version-check twine pipx
	build/dist/bin/twine check --strict dist/*.whl dist/*.tar.gz
	PIPX_HOME=$(CURDIR)/build/dist/pipx PIPX_BIN_DIR=$(CURDIR)/build/dist/programs \
	  build/dist/bin/pipx install --quiet "$$(ls dist/*.whl)[server,dbus,mqtt,fast,udev]"
	build/dist/programs/lunix --version
	build/dist/programs/lunix doctor || true
	build/dist/programs/lunix install --systemd --dry-run --root build/dist/root >/dev/null

deb: man ## a Debian package with all that lunix needs, in dist
	@.ci/packages debhelper dpkg-dev fakeroot python3-venv
	rm -rf build/deb && mkdir -p build/deb/lunix dist
	/usr/bin/python3 -m venv build/deb/tools && build/deb/tools/bin/pip install --quiet --disable-pip-version-check 'pip>=23'
	$(BIN)/python -m hatchling build -t wheel -d build/deb/own
	build/deb/tools/bin/pip wheel --quiet --disable-pip-version-check -w build/deb/lunix/wheels \
	  "$$(echo build/deb/own/*.whl)[server,udev,fast,dbus,mqtt]"
	cp -r debian build/deb/lunix/
	cd build/deb/lunix && PIP="$(CURDIR)/build/deb/tools/bin/pip" dpkg-buildpackage -b -us -uc >../log 2>&1 || { tail -40 ../log; exit 1; }
	mv build/deb/*.deb dist/

test-deb: deb ## install that package in a clean Debian, use it, remove it (as root)
	@.ci/packages debootstrap lintian
	lintian --fail-on error,warning dist/*.deb
	debian/try dist/*.deb

image: | $(BIN)/python ## kernel and root for a board of 64 MB and 8 MB of flash, in one file (docs/howto/board-64mb.md)
	@.ci/packages $$(sed 's/#.*//' image/packages.txt)
	$(BIN)/python -m image

boot: image ## start that image in QEMU with 64 MB, its console here
	@exec $(BIN)/python -m image.boot

test-image: $(TEST) image ## prove what is said of it; SOAK=1800 lets events flow for so many seconds
	SOAK=$(SOAK) $(BIN)/python -m pytest -s tests/image

clean: ## remove all that was made here
	rm -rf $(VENV) build dist docs/_build docs/reference/generated bench/results
	rm -rf .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What is missing is told; the tests that need it are skipped with that reason.
packages:
	@.ci/packages $$(sed 's/#.*//' .ci/packages.txt) || true

$(RUN): EXTRAS := server,udev,fast,dbus,mqtt
$(RUN): MADE := $(RUN)
$(TEST): EXTRAS := server,udev,fast,dbus,mqtt,test
$(TEST): MADE := $(RUN) $(TEST)
$(ALL): EXTRAS := server,udev,fast,dbus,mqtt,test,check,docs
$(ALL): MADE := $(RUN) $(TEST) $(ALL)

$(RUN) $(TEST) $(ALL): | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(EXTRAS)]'
	@rm -f $(filter-out %-$(HASH),$(wildcard $(VENV)/.run-* $(VENV)/.test-* $(VENV)/.all-*)) && touch $(MADE)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "lunix needs Python 3.11 or newer; name one: make PYTHON=/usr/bin/python3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || .ci/packages python3-venv || { \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
