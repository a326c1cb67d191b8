# coordkeep: build, test, install. `make help` lists what there is.

VERSION = 0.1.0
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= gcc

FLOORS = base redis coordination job
JOBS = $(foreach j,reap-stale escalate-dead ttl-fixer secret-rotate-phase clock-audit,$(if $(wildcard jobs/$(j)/main.c),$(j)))

PACKAGES = hiredis openssl inih jansson
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PACKAGES) 2>/dev/null)
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
all: $(PROGRAMS)

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

.PHONY: units
units: $(UNITS)

# Small programs that the tests drive.
TOOLS = $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/tools/*.c))
$(BUILD)/tools/%: $(BUILD)/obj/tests/tools/%.o $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)
.PHONY: tools
tools: $(TOOLS)

.PHONY: clean
clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
