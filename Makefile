# make test       all tests, on the wheel that is built here         make lint         ruff, cython-lint, mypy, stubtest
# make demo       train on handwritten digits, draw pictures         make sdist-check  the wheel builds from the sdist
# make bench      measure (BENCH=verify: check all, time few)        make sanitize     kernel tests under ASan and UBSan
#
# Needs python3 (3.11 or later) with venv, pip, and a C compiler. Everything else goes into .venv-* and build/.

PYTHON ?= python3
BENCH ?= full
BENCH_ARGS ?=
PYTEST_ARGS ?=
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)

SOURCES := setup.py pyproject.toml MANIFEST.in README.md LICENSE \
    $(shell find csrc -type f) $(shell find fastnn -name '*.py' -o -name '*.p[yx][xid]' -o -name '*.h' -o -name py.typed)

# The checkout's own fastnn/ must not shadow the installed wheel, in no subprocess of a test either.
# (A script's own folder comes first on its path, not the checkout; it needs that, to find the files beside it.)
ISOLATED := env -u PYTHONPATH PYTHONSAFEPATH=1
SCRIPT := env -u PYTHONPATH -u PYTHONSAFEPATH

.PHONY: test demo bench lint sdist-check sanitize clean
.SECONDARY:
.DELETE_ON_ERROR:

test: .venv-test/.ready
	$(ISOLATED) FASTNN_WHEEL="$$(ls $(CURDIR)/build/wheel/*.whl)" \
	    .venv-test/bin/python -m pytest -n $(WORKERS) $(PYTEST_ARGS)

demo: .venv-examples/.ready
	$(SCRIPT) .venv-examples/bin/python examples/demo_digits.py --output demo

bench: .venv-bench/.ready
	$(ISOLATED) .venv-bench/bin/python -m pytest benchmarks -q --mode=$(BENCH) --benchmark-columns=median,iqr,rounds
	$(SCRIPT) .venv-bench/bin/python benchmarks/compare.py --mode=$(BENCH) --output build/bench $(BENCH_ARGS)

lint: .venv-lint/.ready
	.venv-lint/bin/ruff check .
	PATH="$(CURDIR)/.venv-lint/bin:$$PATH" cython-lint fastnn  # it runs pycodestyle
	$(ISOLATED) .venv-lint/bin/mypy
	cd tests && $(ISOLATED) $(CURDIR)/.venv-lint/bin/mypy --config-file= --strict downstream/src test_typing.py
	$(ISOLATED) .venv-lint/bin/stubtest --mypy-config-file pyproject.toml --allowlist .ci/stubtest.allow \
	    --ignore-unused-allowlist fastnn

# Both wheels, the one from the checkout and the one from the unpacked sdist, must hold the same files.
# Also prints the wheel's size, and what importing fastnn costs beyond NumPy.
sdist-check: build/wheel/.done build/sdist/.done
	for wheel in build/wheel/*.whl build/sdist/*.whl; do \
	    $(PYTHON) -m zipfile -l $$wheel | awk 'NR > 1 { print $$1 }' | sort > $$(dirname $$wheel)/names; done
	diff build/wheel/names build/sdist/names
	$(PYTHON) -m venv --clear .venv-sdist
	.venv-sdist/bin/pip install --quiet build/sdist/*.whl
	$(ISOLATED) .venv-sdist/bin/python -c "import fastnn; fastnn.show_config()"
	ls -l build/wheel/*.whl
	$(ISOLATED) .venv-sdist/bin/python -X importtime -c "import numpy, fastnn" 2>&1 | grep -E "imported|[|] fastnn$$"

# Reports go to files: pytest captures what a worker prints, and loses it with a worker that is aborted.
REPORT := $(CURDIR)/build/debug/report
sanitize: .venv-sanitize/.ready
	rm -f $(REPORT).*
	$(ISOLATED) LD_PRELOAD="$$($(CC) -print-file-name=libasan.so)" \
	    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:handle_abort=1:log_path=$(REPORT) \
	    UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1:log_path=$(REPORT) \
	    .venv-sanitize/bin/python -X faulthandler -m pytest -n $(WORKERS) -m 'not packaging and not examples' $(PYTEST_ARGS) \
	    || { cat $(REPORT).* 2>/dev/null; exit 1; }

clean:
	rm -rf build dist demo .venv-* *.egg-info fastnn/native/*.c fastnn/native/*.so .benchmarks .*_cache .hypothesis

# Without build/lib*: a file that was deleted from the sources would stay in the wheel.
build/wheel/.done: $(SOURCES) | .venv-build/.made
	rm -rf build/wheel build/lib* build/bdist*
	.venv-build/bin/pip wheel --no-deps --wheel-dir build/wheel .
	touch $@

build/sdist/.done: $(SOURCES) | .venv-build/.made
	rm -rf build/sdist
	.venv-build/bin/pip install --quiet build
	.venv-build/bin/python -m build --outdir build/sdist .
	touch $@

# pip unpacks the sdist in a directory of its own, so no object file is shared with a release build.
build/debug/.done: build/sdist/.done
	rm -rf build/debug
	FASTNN_DEBUG=1 .venv-build/bin/pip wheel --no-deps --no-cache-dir --wheel-dir build/debug build/sdist/*.tar.gz
	touch $@

.venv-%/.made:
	$(PYTHON) -m venv --clear .venv-$*
	.venv-$*/bin/python -m pip install --quiet --upgrade 'pip>=25.1'
	touch $@

# A virtual environment: the wheel and the dependency group of the same name.
.venv-%/.ready: build/wheel/.done | .venv-%/.made
	.venv-$*/bin/pip install --quiet --group $* build/wheel/*.whl
	.venv-$*/bin/pip install --quiet --force-reinstall --no-deps build/wheel/*.whl
	touch $@

.venv-sanitize/.ready: build/debug/.done | .venv-sanitize/.made
	.venv-sanitize/bin/pip install --quiet --group test build/debug/*.whl
	.venv-sanitize/bin/pip install --quiet --force-reinstall --no-deps build/debug/*.whl
	touch $@
