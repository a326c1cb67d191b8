# coordkeep: build, test, install. `make help` lists what there is.

VERSION = 0.1.0
BUILD ?= build
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
CC = gcc
PYTHON ?= /usr/bin/python3
export BUILD
# For the targets that build much and then run something: all processors, unless -j was given.
PARALLEL = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))

FLOORS = base redis coordination job
JOBS = $(foreach j,reap-stale escalate-dead ttl-fixer secret-rotate-phase clock-audit,$(if $(wildcard jobs/$(j)/main.c),$(j)))

PACKAGES = hiredis openssl inih jansson
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lm
CHECK_LIBS = $(shell pkg-config --libs check 2>/dev/null)

WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror
HARDEN = -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2
LDHARDEN = -pie -Wl,-z,relro -Wl,-z,now -Wl,--as-needed
OPT ?= -O2 -g
SANITIZE ?=
ifneq ($(SANITIZE),)
HARDEN = -fPIE
endif
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -DCOORDKEEP_VERSION='"$(VERSION)"' $(OPT) $(WARN) $(HARDEN) $(SANITIZE) -Ishared $(PKG_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(LDHARDEN) $(SANITIZE) $(LDFLAGS)

# One rule: every .c of a floor is in the library, every .c of a job in its program.
floor_objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard shared/$(1)/*.c)))
LIB_OBJS = $(foreach f,$(FLOORS),$(call floor_objs,$(f)))
LIB = $(BUILD)/libcoordkeep.a
PROGRAMS = $(addprefix $(BUILD)/,$(JOBS))

.PHONY: all
all: $(PROGRAMS) ## the programs, in $(BUILD)

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(LIB): $(LIB_OBJS)
	@rm -f $@
	ar rcs $@ $^

define job_rule
$(BUILD)/$(1): $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard jobs/$(1)/*.c))) $(LIB)
	$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(PKG_LIBS)
endef
$(foreach j,$(JOBS),$(eval $(call job_rule,$(j))))

# Unit tests: a runner a floor, linked with that floor and those below it, and
# a runner a job, linked with the job's files but main.c.
UNIT_FLOORS = $(foreach f,$(FLOORS),$(if $(wildcard tests/unit/$(f)/main.c),$(f)))
UNIT_JOBS = $(foreach j,$(notdir $(wildcard jobs/*)),$(if $(wildcard tests/unit/$(j)/main.c),$(j)))
UNITS = $(addprefix $(BUILD)/unit/,$(UNIT_FLOORS) $(UNIT_JOBS))
below_base = base
below_redis = base redis
below_coordination = base redis coordination
below_job = base redis coordination job
unit_objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard tests/unit/$(1)/*.c)))

define unit_floor_rule
$(BUILD)/unit/$(1): $(call unit_objs,$(1)) $(foreach f,$(below_$(1)),$(call floor_objs,$(f)))
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(CHECK_LIBS) $$(PKG_LIBS)
endef
$(foreach f,$(UNIT_FLOORS),$(eval $(call unit_floor_rule,$(f))))

define unit_job_rule
$(BUILD)/unit/$(1): $(call unit_objs,$(1)) $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out jobs/$(1)/main.c,$(sort $(wildcard jobs/$(1)/*.c)))) $(LIB)
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(CHECK_LIBS) $$(PKG_LIBS)
endef
$(foreach j,$(UNIT_JOBS),$(eval $(call unit_job_rule,$(j))))
$(BUILD)/obj/tests/unit/%.o: ALL_CFLAGS += -Ijobs

# The simulation of secret-rotate-phase: the job's own flow over simulated effects.
SIM_OBJS = $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(wildcard tests/sim/*.c)) \
	$(filter-out %/main.c,$(sort $(wildcard jobs/secret-rotate-phase/*.c))))
$(BUILD)/obj/tests/sim/%.o: ALL_CFLAGS += -Ijobs
$(BUILD)/sim: $(SIM_OBJS) $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(CHECK_LIBS) $(PKG_LIBS)
UNITS += $(BUILD)/sim

.PHONY: units
units: $(UNITS)

# Small programs that the tests drive.
TOOLS = $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/tools/*.c))
$(BUILD)/tools/%: $(BUILD)/obj/tests/tools/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)
.PHONY: tools
tools: $(TOOLS)

.PHONY: deps
deps: ## install the Debian packages for building and testing
	@tests/deps.sh build test

.PHONY: demo
demo: ## a broken fleet in a private redis, and the jobs that mend it
	@tests/deps.sh build bench
	@$(MAKE) $(PARALLEL) --no-print-directory -s all
	@tests/demo.sh

# Tests. Each ends with a line "N passed, N failed, N skipped".
# Where the programs were just built the tests take a minute or two.
.PHONY: check check-unit check-scenarios
check: ## all tests
	@tests/deps.sh build test
	@$(MAKE) $(PARALLEL) --no-print-directory -s check-here
.PHONY: check-here
check-here: all units tools
	@$(PYTHON) tests/check.py $(addprefix --unit ,$(UNITS)) --scenarios $(SCENARIOS)
check-unit: units ## the unit tests
	@$(PYTHON) tests/check.py $(addprefix --unit ,$(UNITS))
check-scenarios: all tools ## the scenarios; SCENARIOS="-k reap" for some
	@$(PYTHON) tests/check.py --scenarios $(SCENARIOS)

SANITIZERS = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# Not those that run no program of ours, measure its memory, or wait for a real clock.
WITHOUT = $(patsubst %,--ignore=scenarios/test_%.py,alerts coordinator cron dashboard deployment harness memory package sandbox)
.PHONY: check-asan
check-asan: ## the tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@ASAN_OPTIONS=detect_leaks=1:exitcode=99:quarantine_size_mb=8 UBSAN_OPTIONS=print_stacktrace=1 \
	    $(MAKE) $(PARALLEL) --no-print-directory -s BUILD=$(BUILD)/asan OPT="-O1 -g" SANITIZE="$(SANITIZERS)" \
	    SCENARIOS="$(WITHOUT) $(SCENARIOS)" check-here
.PHONY: check-asan-unit
check-asan-unit: ## the unit tests alone under the sanitizers
	@ASAN_OPTIONS=detect_leaks=1:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1 \
	    $(MAKE) $(PARALLEL) --no-print-directory -s BUILD=$(BUILD)/asan OPT="-O1 -g" SANITIZE="$(SANITIZERS)" check-unit

# Memory that is read before it is written, which AddressSanitizer cannot see; leaks it can.
VALGRIND = valgrind -q --error-exitcode=9 --leak-check=no
.PHONY: check-valgrind
check-valgrind: ## the unit tests under valgrind
	@$(MAKE) $(PARALLEL) --no-print-directory -s units
	@$(PYTHON) tests/check.py --under "$(VALGRIND)" $(addprefix --unit ,$(UNITS))

# The scenarios that take minutes reach few lines more.
QUICK = -k "end_to_end or not (rotate or escalate_living or together or scan or redis_acl)"
.PHONY: coverage
coverage: ## which lines the unit tests and the quick scenarios reach
	@tests/deps.sh build test coverage
	@mkdir -p $(BUILD)/coverage && find $(BUILD)/coverage -name '*.gcda' -delete
	@$(MAKE) $(PARALLEL) --no-print-directory -s BUILD=$(BUILD)/coverage OPT="-O1 -g" SANITIZE=--coverage \
	    SCENARIOS='$(WITHOUT) $(QUICK)' check-here
	@tests/coverage.sh $(BUILD)/coverage

.PHONY: lint
lint: | $(BUILD)/lint/ ## analyzers, linters and the rules of the house
	@tests/deps.sh build lint test
	$(file >$(BUILD)/lint/flags,$(ALL_CFLAGS))
	@tests/lint.sh

$(BUILD)/lint/:
	@mkdir -p $@

.PHONY: bench
bench: ## how fast, against the barest program that could do it; BENCH="--small"
	@tests/deps.sh build bench
	@$(MAKE) $(PARALLEL) --no-print-directory -s all $(addprefix $(BUILD)/bench/,floor generate measure probe)
	@$(PYTHON) tests/bench/bench.py $(BENCH)
$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

# Fuzzing, with clang's libFuzzer: a program for each tests/fuzz/fuzz_*.c, seeds in
# tests/fuzz/corpus/<name>/.
FUZZ_SECONDS ?= 10
FUZZERS = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
JOB_OBJS = $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out %/main.c,$(sort $(wildcard jobs/*/*.c))))
$(BUILD)/obj/tests/fuzz/%.o: ALL_CFLAGS += -Ijobs -Wno-missing-prototypes
$(BUILD)/libjobs.a: $(JOB_OBJS)
	@rm -f $@
	ar rcs $@ $^
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/libjobs.a $(LIB)
	@mkdir -p $(@D)
	$(CC) -fsanitize=fuzzer $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)
.PHONY: fuzz fuzzers
fuzzers: $(FUZZERS)
fuzz: ## each fuzz target for FUZZ_SECONDS (10)
	@tests/deps.sh build lint
	@$(MAKE) $(PARALLEL) --no-print-directory -s BUILD=$(BUILD)/clang-fuzz CC=clang OPT="-O1 -g" \
	    SANITIZE="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all" fuzzers
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz.sh $(BUILD)/clang-fuzz/fuzz

# Installing. The cron file and the units name the programs by their full path.
bindir = $(DESTDIR)$(PREFIX)/bin
mandir = $(DESTDIR)$(PREFIX)/share/man
docdir = $(DESTDIR)$(PREFIX)/share/doc/coordkeep
libdir = $(DESTDIR)$(PREFIX)/lib
etcdir = $(DESTDIR)$(SYSCONFDIR)
MAN8 = $(wildcard jobs/*/*.8)
MAN5 = $(wildcard conf/*.5)
MAN7 = $(wildcard conf/*.7)
UNITFILES = $(wildcard systemd-timers/*.service systemd-timers/*.timer)
with_prefix = sed 's|/usr/local/bin/|$(PREFIX)/bin/|g' $(1) > $(2) && chmod 644 $(2)

.PHONY: install uninstall
install: all ## programs, man pages, config, cron file, units (DESTDIR, PREFIX)
	install -d $(bindir) $(mandir)/man5 $(mandir)/man7 $(mandir)/man8 $(docdir) \
	    $(libdir)/systemd/system $(libdir)/sysusers.d $(libdir)/tmpfiles.d \
	    $(etcdir)/coordkeep $(etcdir)/cron.d $(etcdir)/logrotate.d
	$(if $(PROGRAMS),install -m 755 $(PROGRAMS) $(bindir))
	$(if $(MAN8),install -m 644 $(MAN8) $(mandir)/man8)
	$(if $(MAN5),install -m 644 $(MAN5) $(mandir)/man5)
	$(if $(MAN7),install -m 644 $(MAN7) $(mandir)/man7)
	install -m 644 README.md LICENSE conf/coordkeep.ini conf/redis-acl.conf conf/result.schema.json $(docdir)
	install -m 644 conf/prometheus/coordkeep.rules.yml $(docdir)
	install -m 644 conf/grafana/coordkeep.json $(docdir)/grafana-dashboard.json
	for unit in $(UNITFILES); do $(call with_prefix,$$unit,$(libdir)/systemd/system/$${unit##*/}) || exit 1; done
	install -m 644 conf/sysusers.d/coordkeep.conf $(libdir)/sysusers.d/coordkeep.conf
	install -m 644 conf/tmpfiles.d/coordkeep.conf $(libdir)/tmpfiles.d/coordkeep.conf
	test -e $(etcdir)/cron.d/coordkeep || { $(call with_prefix,cron/coordkeep,$(etcdir)/cron.d/coordkeep); }
	test -e $(etcdir)/logrotate.d/coordkeep || install -m 644 conf/logrotate/coordkeep $(etcdir)/logrotate.d
	test -e $(etcdir)/coordkeep/coordkeep.ini || ! test -e conf/coordkeep.ini || \
	    install -m 644 conf/coordkeep.ini $(etcdir)/coordkeep
uninstall: ## take away what install put there, but nothing under /etc
	rm -f $(addprefix $(bindir)/,$(JOBS))
	rm -f $(addprefix $(mandir)/man8/,$(notdir $(MAN8))) $(addprefix $(mandir)/man5/,$(notdir $(MAN5)))
	rm -f $(addprefix $(mandir)/man7/,$(notdir $(MAN7)))
	rm -f $(addprefix $(libdir)/systemd/system/,$(notdir $(UNITFILES)))
	rm -f $(libdir)/sysusers.d/coordkeep.conf $(libdir)/tmpfiles.d/coordkeep.conf
	rm -rf $(docdir)

.PHONY: deb
deb: ## a Debian package, in $(BUILD)
	@tests/deps.sh build deb
	@rm -rf $(BUILD)/deb
	@$(MAKE) --no-print-directory -s install DESTDIR=$(abspath $(BUILD)/deb/root) PREFIX=/usr
	@conf/deb/build $(BUILD) $(VERSION)

.PHONY: docs
docs: $(BUILD)/tools/nop ## make conf/coordkeep.ini and the table of coordkeep.ini(5)
	@conf/docs.sh $(BUILD)/tools/nop

.PHONY: clean
clean: ## remove $(BUILD)
	rm -rf $(BUILD)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "make %-16s %s\n", $$1, $$2 }'

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
