# The front door; CMake does the building (CMakeLists.txt) and ./run-tests the testing.
# `make help` lists the targets. Settings: make BUILD=folder BUILD_TYPE=Debug PREFIX=/usr DESTDIR=…
BUILD = build
BUILD_TYPE = Release
PREFIX = /usr/local
FUZZ_SECONDS = 10
BENCH = json wordnet
JOBS = $(shell nproc 2>/dev/null || echo 2)

all:          ## build the program, the libraries and the man pages into build/
	@cmake -S . -B $(BUILD) -DCMAKE_BUILD_TYPE=$(BUILD_TYPE) >/dev/null
	@cmake --build $(BUILD) -j$(JOBS)

install: all  ## install to DESTDIR and PREFIX (/usr/local)
	DESTDIR="$(DESTDIR)" cmake --install $(BUILD) --prefix "$(PREFIX)"

deb: all      ## a Debian package, build/parquedb_*.deb
	cd $(BUILD) && cpack -G DEB

check:        ## the rules that need no run: layers, style, format, clang-tidy
	python3 tools/check_layers.py
	python3 tools/check_style.py
	tools/format.sh
	tools/tidy.sh

test:         ## every test; ends with "N passed, N failed"
	./run-tests

format:       ## lay out the C files with clang-format 14
	tools/format.sh --fix

bench:        ## measure; BENCH=json or BENCH=wordnet for one of them
	for name in $(BENCH); do ./bench $$name || exit 1; done

cov:          ## which lines the unit and spec tests run, per module and in total
	python3 tools/coverage.py

fuzz:         ## FUZZ_SECONDS (10) of libFuzzer for each target of test/fuzz
	tools/fuzz.sh $(FUZZ_SECONDS)

clean:        ## remove everything that was built
	rm -rf $(BUILD) build-*

help:         ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: all install deb check test format bench cov fuzz clean help
