# What a newcomer needs: make demo, make test. What a developer needs besides: make bench, lint, format.
# Needs Swift 6.2 or newer, git, and Python 3 with pip. Everything is built and fetched inside this folder.

SWIFT ?= swift
PYTHON ?= python3
SOURCES = Package.swift Sources Tests Benchmarks

SEEDS ?= 1000
FIRST ?= 1
MINUTES ?= 10
SECONDS ?= 1200
SEED ?= 1

.PHONY: demo doorbell test bench fuzz fuzz-inputs fuzz-inputs-short sanitize siege models-under-load check-model check-half lint format build runtime clean

# Fetch ONNX Runtime, build, and run an overloaded task set of real networks on the CPU.
demo: runtime
	$(SWIFT) build -c release --product daris
	.build/release/daris run examples/overload.yaml

# Five real networks on two cores, one of which cannot be cut: fetches them through pip and runs them.
doorbell: runtime
	$(SWIFT) build -c release --product daris
	Scripts/fetch-doorbell-models
	.build/release/daris run examples/doorbell.yaml

# All tests. Those with PyTorch and with clients of the server run where their packages are installed
# (pip install -r Tests/Clients/requirements.txt).
test: runtime
	$(SWIFT) build --build-tests
	@# Failures are said once more at the end, where they are not hidden among thousands of lines.
	bash -o pipefail -c '$(SWIFT) test --skip-build 2>&1 | tee .build/test.log' || \
		{ grep -a ' recorded an issue \|^↳\|✘' .build/test.log | tail -n 40; exit 1; }
	$(PYTHON) Tests/PyTorch/staged-exports.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/triton-clients.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/http-clients.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/grpc-clients.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/metrics-clients.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/conformance.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/perf-analyzer.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/hard-clients.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/odd-models.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/secure-clients.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/life-clients.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/deploy-files.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/attacks.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/operator-clients.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/crash-clients.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/repository-clients.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/live-page.py --daris .build/debug/daris
	$(PYTHON) Tests/Clients/report-page.py --daris .build/debug/daris

# Decision time, simulation speed and tensors in JSON and how they grow, hand-over, throughput against a bare ONNX Runtime
# loop, what worker processes cost, HP response alone and beside LP, and what the server costs (for the last, pip install -r
# Tests/Clients/requirements.txt).
bench: runtime
	$(SWIFT) build -c release --product daris-bench
	$(SWIFT) build -c release --product daris
	.build/release/daris-bench decisions
	.build/release/daris-bench simulation
	.build/release/daris-bench codec
	.build/release/daris-bench saturation
	.build/release/daris-bench isolation
	.build/release/daris-bench isolation-of-hp
	$(PYTHON) Benchmarks/server.py --daris .build/release/daris

# Whole systems with faults in virtual time, every event checked; 'make fuzz SEEDS=10000 FIRST=5000'.
fuzz:
	$(SWIFT) build -c release --product daris-fuzz
	.build/release/daris-fuzz --seeds $(SEEDS) --first $(FIRST)

# The readers of what comes from outside under libFuzzer, SECONDS each, two at a time; 'make fuzz-inputs SECONDS=60'.
# Builds everything once more, into .build-fuzz. docs/testing.md says what is tried.
fuzz-inputs:
	@# The compiler heeds the last -sanitize alone, so that one names both.
	$(SWIFT) build -c release --product daris-fuzz-inputs --scratch-path .build-fuzz --sanitize fuzzer \
		--sanitize address -Xswiftc -sanitize=fuzzer,address -Xswiftc -DFUZZING
	Tests/Fuzz/run long .build-fuzz/release/daris-fuzz-inputs $(SECONDS)

# The same readers with the corpus and mutations drawn from SEED, 20 s each.
fuzz-inputs-short:
	$(SWIFT) build -c release --product daris-fuzz-inputs
	Tests/Fuzz/run short .build/release/daris-fuzz-inputs 20 $(SEED)

# The suites of the executor, the workers and the server under the address and the thread sanitizer, each built in full.
# A program outside .build finds no runtime by itself.
sanitize: export DARIS_ONNXRUNTIME = $(CURDIR)/runtime
sanitize: runtime
	$(SWIFT) build --build-tests --sanitize address --scratch-path .build-address
	ASAN_OPTIONS=detect_leaks=0 $(SWIFT) test --skip-build --sanitize address --scratch-path .build-address \
		--filter 'DarisRuntimeTests|DarisServerTests'
	$(SWIFT) build --build-tests --sanitize thread --scratch-path .build-thread
	rm -f .build-thread/races.*
	TSAN_OPTIONS="exitcode=0 log_path=$(CURDIR)/.build-thread/races suppressions=$(CURDIR)/Tests/Sanitizers/thread" \
		$(SWIFT) test --skip-build --sanitize thread --scratch-path .build-thread \
		--filter 'DarisRuntimeTests|DarisServerTests'
	$(PYTHON) Tests/Sanitizers/races.py .build-thread/races

# Ten minutes of everything at once against a server, beside high-priority requests (pip install -r
# Tests/Clients/requirements.txt).
siege: runtime
	$(SWIFT) build -c release --product daris
	$(PYTHON) Tests/Clients/siege.py --daris .build/release/daris --minutes $(MINUTES)

# Models that are loaded, replaced and unloaded under load, beside high-priority requests that may not miss
# (pip install -r Tests/Clients/requirements.txt).
models-under-load: runtime
	$(SWIFT) build -c release --product daris
	$(PYTHON) Tests/Clients/repository-load.py --daris .build/release/daris --seconds 120

# How far the GPU model agrees with the published measurements, against the bounds that it is known to keep; and that
# debug and release builds of a simulated run write the same record.
check-model:
	$(SWIFT) build -c release --product daris
	$(SWIFT) build --product daris
	$(PYTHON) Tests/Model/check.py .build/release/daris .build/debug/daris
	$(PYTHON) Tests/Model/large_card.py .build/release/daris
	$(PYTHON) Tests/Model/digests.py .build/release/daris

# Networks in half precision against the originals, on the CPU (pip install onnxruntime numpy; for networks of others, pip
# install --no-deps -r Tests/Model/half-requirements.txt).
check-half: runtime
	$(SWIFT) build -c release --product daris
	$(PYTHON) Tests/Model/half.py --daris .build/release/daris

build: runtime
	$(SWIFT) build -c release --product daris

runtime:
	Scripts/fetch-onnxruntime

lint:
	$(SWIFT) format lint --strict --recursive --parallel $(SOURCES)

format:
	$(SWIFT) format --in-place --recursive --parallel $(SOURCES)

clean:
	rm -rf .build .build-fuzz .build-address .build-thread
