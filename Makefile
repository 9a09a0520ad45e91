# What a developer needs. Everything is built with Go alone; `make test` uses the
# race detector where a C compiler is found, and says so where not.

GO      ?= go
PLUGINS := $(notdir $(wildcard plugins/*))
HELLO   := --audio examples/speech/hello.wav --limit 45s

.PHONY: build examples example demo swap-demo proxy-demo greeter-demo clips test-adapters test-pipecat bridged demo-byods conformance stress outlive test docs-test test-python bench performance soak fuzz proto lint fmt cross clean

## build: the host and the bundled plugins, in bin/
build: export CGO_ENABLED = 0
build:
	$(GO) build -o bin/ ./cmd/byova-host
	$(GO) build -o bin/plugins/ $(addprefix ./plugins/,$(PLUGINS))

## examples: what there is to try, a line each
examples:
	@./examples/run.sh

## example: plays one of them: make example NAME=media-server-dtmf
example:
	@./examples/run.sh $(NAME)

## demo: a spoken call against echo; leaves recordings/demo.wav
demo: build
	./examples/run.sh echo $(HELLO) --record recordings/demo.wav

## swap-demo: calls that stay up while echo is swapped, killed and rolled back
swap-demo: build
	./examples/swap-demo.sh

## proxy-demo: a call that wsproxy bridges to a bot on its own, by WebSocket
proxy-demo: build
	./examples/run.sh media-server-proxy $(HELLO) --record recordings/proxy-demo.wav

## greeter-demo: tts-greeter speaks on a machine with nothing installed
greeter-demo: build
	./examples/run.sh tts-greeter $(HELLO) --record recordings/greeter-demo.wav

## clips: what the host can say with nothing installed; needs flite
clips:
	$(GO) run ./internal/clipmaker sdk/speech/clips

## test-adapters: wsproxy's protocols, each against a strict backend; a line each
test-adapters:
	$(GO) test -count=1 -run '^TestAdapters$$' ./plugins/wsproxy

## test-pipecat: a bot of pipecat takes a call; installs pipecat (530 MB) into bin/pipecat
test-pipecat: build
	./examples/backends/pipecat/test.sh

## bridged: 300 bridged calls in real time for two minutes, with the latency of both ways
bridged:
	$(GO) test -count=1 -v -timeout 10m -run '^TestBridged$$' ./plugins/wsproxy -bridged 300 -for 2m

## demo-byods: a customer's journey through Webex's side, with a Webex of its own
demo-byods: build
	$(GO) run ./internal/byodsdemo bin/byova-host bin/plugins/echo

## conformance: all call scripts against echo, with the report of a rule each
conformance: build
	./examples/run.sh echo --all --junit recordings/conformance.xml

## stress: 200 calls with random scripts, under the race detector, for STRESS, or two minutes
stress:
	CGO_ENABLED=1 $(GO) test -race -run '^TestStress$$' -timeout 10m ./cmd/byova-host -stress $(or $(STRESS),2m)

## outlive: swaps and deaths of plugins under many calls, at the sizes that the
## README's promise was measured with
outlive: SIZES = -swaps 100 -swapcalls 200 -kills 100 -killcalls 100 -crashpoints 1000 -schedules 20
outlive:
	$(GO) test -v -timeout 60m -run '^(TestSwaps|TestKills|TestPoison|TestRandomCrashPoints|TestEventLog)$$' ./cmd/byova-host $(SIZES)

## test: everything but what needs Python
test:
	./internal/run-tests.sh

## docs-test: what the documents show in shell blocks, run as it stands
docs-test:
	$(GO) test -count=1 -v -timeout 20m -run '^TestBlocks$$' ./internal/docs -blocks

## test-python: the bot in Python, run by the host; needs a Python with gRPC
test-python:
	./internal/run-python-tests.sh

## breakrules: each rule of the protocol broken on purpose; its test must notice
breakrules:
	$(GO) run ./internal/breakrules

## bench: what the plugin hop costs, in less than five minutes; fails if a ratio is
## worse than docs/performance/baseline.json allows
bench:
	$(GO) run ./internal/bench -baseline docs/performance/baseline.json $(BENCH)

## performance: the figures in docs/performance anew; twenty minutes, with nothing else running
performance:
	$(GO) run ./internal/bench -full -write docs/performance -record docs/performance/baseline.json

## soak: calls for half an hour; fails if the memory that they leave behind grows
soak:
	$(GO) run ./internal/bench -soak $(or $(SOAK),30m)

## fuzz: each fuzz target for FUZZTIME
fuzz:
	./internal/run-fuzz.sh

## proto: the code below proto/, and of the frozen protocol in internal/compat
proto:
	$(GO) run ./internal/protogen

## lint: what a reviewer would say first
lint:
	./internal/run-lint.sh

## cross: the host and the plugins for the other systems
cross:
	GOOS=darwin $(GO) vet ./...
	GOOS=windows $(GO) vet ./...

## clean: what was built
clean:
	rm -rf bin recordings
