# Stepgate's commands: `make -f xcaddy.mk` lists them. Everything built goes to .build/.

BUILD  := .build
CADDY  := $(BUILD)/caddy
APP    := $(BUILD)/legacyapp
DEV    := $(BUILD)/caddy-journeys
SOURCE := $(shell find caddymodule flows policy ui -type f ! -name '*_test.go' ! -path 'ui/journeys/*') go.mod go.sum

APP_ADDR := 127.0.0.1:8081
SPA_SDK  := examples/msal-spa/node_modules/@azure/msal-browser

.PHONY: help run build test check journeys screenshots fuzz bench clean native-app

help:
	@echo "make -f xcaddy.mk run       build Caddy with Stepgate, start the demonstration on http://localhost:8080"
	@echo "make -f xcaddy.mk test      everything: format, vet, Go tests with -race, journeys in a browser"
	@echo "make -f xcaddy.mk build     only build Caddy with Stepgate, as $(CADDY)"
	@echo "make -f xcaddy.mk check     the Go part of test"
	@echo "make -f xcaddy.mk journeys  the browser part of test; page pictures land in $(BUILD)/shots"
	@echo "make -f xcaddy.mk screenshots  the pictures in docs/pages, made anew (needs node, npm and chromium)"
	@echo "make -f xcaddy.mk fuzz      every fuzz target for FUZZTIME (default 20s) each"
	@echo "make -f xcaddy.mk bench     what the gateway costs, next to a bare reverse_proxy"

run: $(CADDY) $(APP) native-app
	@$(APP) -free $(APP_ADDR) localhost:8080 localhost:2019
	@app=; caddy=; \
	stop() { trap '' INT TERM; kill $$app $$caddy 2>/dev/null; wait; }; \
	trap stop EXIT; trap 'exit 0' INT TERM; \
	$(APP) -listen $(APP_ADDR) & app=$$!; \
	echo "1. Open  http://localhost:8080               and create an account; any address at example.com will do"; \
	echo "2. Open  http://localhost:8080/.auth/inbox   and read the code; messages land here and are not sent"; \
	echo "3. Open  http://localhost:8080/admin/        which asks for a code by text message first; +44 7700 900123 is nobody's number"; \
	[ ! -d $(SPA_SDK) ] || echo "   Or    http://localhost:8080/native-app/   an app with screens of its own, on MSAL (docs/native-apps.md)"; \
	echo "4. See   $(BUILD)/demo.log                     for what Caddy has to say"; \
	echo "5. Stop  with Ctrl-C; accounts stay in $(BUILD)/demo-data, their secret in $(BUILD)/demo-home; delete both to start afresh"; \
	XDG_DATA_HOME="$(CURDIR)/$(BUILD)/demo-home" XDG_CONFIG_HOME="$(CURDIR)/$(BUILD)/demo-home" \
	$(CADDY) run --config Caddyfile.example >>$(BUILD)/demo.log 2>&1 & caddy=$$!; \
	wait $$caddy || { tail -n 3 $(BUILD)/demo.log; exit 1; }

# The page with screens of its own needs an npm package; everything else does without.
native-app:
	@[ -d $(SPA_SDK) ] || (cd examples/msal-spa && npm ci --silent) 2>/dev/null || { \
		echo "npm did not install what http://localhost:8080/native-app/ runs on, so that page will only say so."; \
		echo "All else works. With Node 20 and a package registry: cd examples/msal-spa && npm ci"; \
	}

build: $(CADDY)

# xcaddy asks the module proxy about this module before it uses the source beside it,
# and takes "not found" for final. With | the next proxy is tried after any answer,
# and off ends the list quietly, so the source beside it wins.
$(CADDY): $(SOURCE)
	@mkdir -p $(BUILD)
	GOPROXY="$$(go env GOPROXY | sed 's/,/|/g; s/direct/off/g')" \
	go tool xcaddy build "$$(go list -m -f '{{.Version}}' github.com/caddyserver/caddy/v2)" \
		--output $(CADDY) --with github.com/stepgate/stepgate/caddymodule \
		--replace github.com/stepgate/stepgate=$(CURDIR)

$(APP): $(wildcard examples/legacyapp/* examples/legacyapp/*/*) go.mod
	@mkdir -p $(BUILD)
	go build -o $@ ./examples/legacyapp

$(DEV): $(SOURCE)
	@mkdir -p $(BUILD)
	go build -o $@ ./caddymodule/cmd/journeys

test: check journeys

check:
	@echo "gofmt"; bad="$$(gofmt -l caddymodule examples flows policy ui)"; \
	if [ -n "$$bad" ]; then echo "gofmt wants changes in:"; echo "$$bad"; exit 1; fi
	go vet ./...
	go test -race ./...

journeys: $(DEV) $(APP)
	@chromium="$${CHROMIUM:-$$(command -v chromium || command -v chromium-browser || command -v google-chrome)}"; \
	lacking=; \
	node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null || lacking="$$lacking node-20"; \
	command -v npm >/dev/null || lacking="$$lacking npm"; \
	[ -n "$$chromium" ] || lacking="$$lacking chromium"; \
	if [ -n "$$lacking" ]; then \
		echo "+----------------------------------------------------------------------+"; \
		echo "|  THE BROWSER JOURNEYS DID NOT RUN. Missing:$$lacking"; \
		echo "|  Install that (CHROMIUM=/path/to/browser names another Chromium).    |"; \
		echo "+----------------------------------------------------------------------+"; \
		[ -z "$$CI" ]; exit; \
	fi; \
	(cd examples/verify-node && npm ci --silent) && (cd examples/msal-spa && npm ci --silent) && cd ui/journeys && npm ci --silent && \
	CHROMIUM="$$chromium" CADDY="$(CURDIR)/$(DEV)" APP="$(CURDIR)/$(APP)" SHOTS="$(CURDIR)/$(BUILD)/shots" \
	npm test --silent

# Always the same pictures of the same pages, as this machine's fonts have them.
screenshots: $(DEV)
	cd ui/journeys && npm ci --silent && \
	CHROMIUM="$${CHROMIUM:-$$(command -v chromium || command -v chromium-browser || command -v google-chrome)}" \
	CADDY="$(CURDIR)/$(DEV)" node screenshots.mjs "$(CURDIR)/docs/pages"

FUZZTIME ?= 20s
fuzz:
	@grep -rHo --include='*_test.go' '^func Fuzz[A-Za-z0-9]*' caddymodule flows policy ui | \
	sed 's|/[^/]*_test.go:func | |' | sort | while read -r dir name; do \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "./$$dir" || exit 1; \
	done

bench: $(DEV)
	go run ./caddymodule/cmd/bench -caddy $(DEV)

clean:
	rm -rf $(BUILD)
