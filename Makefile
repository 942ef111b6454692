# discmaster: demo, test, lint, bench, install.
PREFIX     ?= /usr/local
DESTDIR    ?=
# These look for files of theirs in one place, wherever discmaster itself lies.
SYSCONFDIR      ?= /etc
DBUS_DATADIR    ?= /usr/share/dbus-1
POLKIT_DATADIR  ?= /usr/share/polkit-1
SYSTEMD_UNITDIR ?= /usr/lib/systemd/system
SYSUSERS_DIR    ?= /usr/lib/sysusers.d
UDEV_RULESDIR   ?= /usr/lib/udev/rules.d
CARGO      ?= cargo
FOLDER     ?= /usr/share/doc

BUILD_NEEDS := gcc libc6-dev libudev-dev pkg-config
RUN_NEEDS   := dbus
DEMO_NEEDS  := genisoimage
INSTALL_NEEDS := gettext
PACKAGE_NEEDS := binutils dpkg-dev lintian $(INSTALL_NEEDS)
TEST_NEEDS  := systemd udev xorriso genisoimage libarchive-tools python3-gi python3-dbusmock umockdev gir1.2-umockdev-1.0 $(PACKAGE_NEEDS) \
               ffmpeg flac lame sox vorbis-tools cdrskin wodim growisofs cdrdao libcdio-utils
VM_NEEDS    := qemu-system-x86 mmdebstrap e2fsprogs python3 $(INSTALL_NEEDS)
DESKTOP_NEEDS := nautilus python3-nautilus nemo caja caja-actions thunar dolphin gvfs xvfb openbox xdotool imagemagick dbus at-spi2-core \
               gir1.2-atspi-2.0 python3-gi python3-dbusmock libnotify-bin libglib2.0-bin desktop-file-utils appstream xorriso binutils $(INSTALL_NEEDS)
BENCH_NEEDS := xorriso genisoimage time

# Each command once more where the first try fails: a package index can be out of reach for a moment.
FETCH := $(CARGO) fetch --locked || { sleep 5; $(CARGO) fetch --locked; }

.PHONY: help demo build test test-vm test-desktop lint bench deb rpm install install-data uninstall

help:
	@echo "make demo [FOLDER=…]   burn a folder to a virtual recorder, step by step"
	@echo "make test              every test"
	@echo "make test-vm           other people's burners on virtual recorders, in a virtual machine"
	@echo "make test-desktop      Write to Disc… in real file managers, on a screen of their own"
	@echo "make lint              formatting and clippy"
	@echo "make bench             measure against genisoimage, xorriso and a drive that takes everything"
	@echo "make deb, make rpm     packages of what was built"
	@echo "make install           [DESTDIR=…] [PREFIX=$(PREFIX)]"

demo:
	@tests/need $(BUILD_NEEDS) $(RUN_NEEDS) $(DEMO_NEEDS)
	@$(FETCH)
	$(CARGO) build --locked --bins --example demo
	target/debug/examples/demo "$(FOLDER)"

test:
	@tests/need $(BUILD_NEEDS) $(RUN_NEEDS) $(TEST_NEEDS)
	@$(FETCH)
	$(CARGO) test --locked --all-features

test-vm:
	@tests/need $(BUILD_NEEDS) $(VM_NEEDS)
	@$(FETCH)
	$(CARGO) build --locked --all-features --bins
	tests/vm/run $(CASES)

# PROGRAMS=FOLDER: of what is compiled there.
test-desktop:
	@tests/need $(DESKTOP_NEEDS)
ifndef PROGRAMS
	@tests/need $(BUILD_NEEDS)
	@$(FETCH)
	$(CARGO) build --locked --bins
endif
	$(if $(filter-out file,$(origin PROGRAMS)),PROGRAMS=$(PROGRAMS) )tests/desktop/run $(CASES)

lint:
	@tests/need $(BUILD_NEEDS)
	@$(FETCH)
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets --all-features -- -D warnings

bench:
	@tests/need $(BUILD_NEEDS) $(BENCH_NEEDS)
	@$(FETCH)
	$(CARGO) build --locked --release --bins
	tests/bench-image
	$(CARGO) bench --locked --bench worker

build:
	@tests/need $(BUILD_NEEDS) $(INSTALL_NEEDS)
	@$(FETCH)
	$(CARGO) build --locked --release --bins

SHARE = $(PREFIX)/share
CONFIGURATION = $(DESTDIR)$(SYSCONFDIR)/discmaster/discmaster.toml

# What is filled in where it is installed.
FILL = sed -e 's|@libexecdir@|$(PREFIX)/libexec|' -e 's|@bindir@|$(PREFIX)/bin|' -e 's|@docdir@|$(PREFIX)/share/doc/discmaster|'
# Where the compiled programs are.
PROGRAMS ?= target/release
UNITS := discmaster.service discmaster-worker@.service discmaster-stager@.service
VDRIVE_UNITS := discmaster-vdrive@.service
LANGUAGES := $(patsubst data/po/%.po,%,$(wildcard data/po/*.po))
SOCKETS := discmaster-worker@.socket discmaster-stager.socket

# `build` is not a prerequisite: `sudo make install` should not compile as root.
install: install-data
	@test -x $(PROGRAMS)/discmasterd || { echo "Nothing to install: run 'make build' first." >&2; exit 1; }
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/discmaster
	install -m 755 $(PROGRAMS)/discmaster $(PROGRAMS)/discmaster-vdrive $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(PROGRAMS)/discmasterd $(PROGRAMS)/discmaster-worker $(PROGRAMS)/discmaster-stager \
	    $(DESTDIR)$(PREFIX)/libexec/discmaster

	@pages=$$(mktemp -d) && trap "rm -rf $$pages" EXIT && for program in discmaster discmaster-vdrive discmasterd; do \
	    $(PROGRAMS)/$$program --write-pages $$pages || exit 1; done && \
	install -d $(DESTDIR)$(SHARE)/man/man1 $(DESTDIR)$(SHARE)/man/man8 $(DESTDIR)$(SHARE)/bash-completion/completions \
	    $(DESTDIR)$(SHARE)/zsh/vendor-completions $(DESTDIR)$(SHARE)/fish/vendor_completions.d && \
	install -m 644 $$pages/*.1 $(DESTDIR)$(SHARE)/man/man1 && install -m 644 $$pages/*.8 $(DESTDIR)$(SHARE)/man/man8 && \
	install -m 644 $$pages/discmaster.bash $(DESTDIR)$(SHARE)/bash-completion/completions/discmaster && \
	install -m 644 $$pages/_discmaster $(DESTDIR)$(SHARE)/zsh/vendor-completions && \
	install -m 644 $$pages/discmaster.fish $(DESTDIR)$(SHARE)/fish/vendor_completions.d

# Debian packages and RPMs of what is compiled, in target/packages.
deb:
	@tests/need $(PACKAGE_NEEDS)
	data/deb/build target/packages

rpm:
	@tests/need rpm $(INSTALL_NEEDS)
	rpmbuild -bb --quiet --define "_sourcedir $(CURDIR)" --define "_rpmdir $(CURDIR)/target/packages" \
	    --define "discmaster_version $$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)" \
	    --define "programs $(PROGRAMS)" data/rpm/discmaster.spec

# All that is not compiled.
install-data:
	install -d $(DESTDIR)$(SYSTEMD_UNITDIR) $(DESTDIR)$(SYSUSERS_DIR) $(DESTDIR)$(UDEV_RULESDIR)
	install -d $(DESTDIR)$(DBUS_DATADIR)/interfaces $(DESTDIR)$(DBUS_DATADIR)/system.d
	install -d $(DESTDIR)$(DBUS_DATADIR)/system-services $(DESTDIR)$(POLKIT_DATADIR)/actions
	install -d $(DESTDIR)$(PREFIX)/share/doc/discmaster $(DESTDIR)$(POLKIT_DATADIR)/rules.d $(DESTDIR)$(SYSCONFDIR)/discmaster
	for unit in $(UNITS) $(VDRIVE_UNITS); do \
	    $(FILL) systemd/$$unit.in > $(DESTDIR)$(SYSTEMD_UNITDIR)/$$unit && chmod 644 $(DESTDIR)$(SYSTEMD_UNITDIR)/$$unit \
	        || exit 1; done
	install -m 644 $(SOCKETS:%=systemd/%) $(DESTDIR)$(SYSTEMD_UNITDIR)
	install -m 644 systemd/discmaster.sysusers $(DESTDIR)$(SYSUSERS_DIR)/discmaster.conf
	install -m 644 systemd/60-discmaster.rules $(DESTDIR)$(UDEV_RULESDIR)
	install -m 644 dbus/*.xml $(DESTDIR)$(DBUS_DATADIR)/interfaces
	install -m 644 dbus/org.discmaster1.conf $(DESTDIR)$(DBUS_DATADIR)/system.d
	install -m 644 dbus/org.discmaster1.service $(DESTDIR)$(DBUS_DATADIR)/system-services
	install -m 644 polkit/*.policy $(DESTDIR)$(POLKIT_DATADIR)/actions
	install -m 644 polkit/*.rules $(DESTDIR)$(POLKIT_DATADIR)/rules.d
	@# What is there is an administrator's.
	test -e $(CONFIGURATION) || test -L $(CONFIGURATION) || install -m 644 systemd/discmaster.toml $(CONFIGURATION)
	install -d $(DESTDIR)$(SHARE)/applications $(DESTDIR)$(SHARE)/metainfo $(DESTDIR)$(SHARE)/kio/servicemenus
	install -d $(DESTDIR)$(SHARE)/nemo/actions $(DESTDIR)$(SHARE)/file-manager/actions $(DESTDIR)$(SHARE)/Thunar/sendto
	install -d $(DESTDIR)$(SHARE)/nautilus-python/extensions $(DESTDIR)$(PREFIX)/libexec/discmaster
	$(FILL) data/desktop/org.discmaster1.write.desktop.in > $(DESTDIR)$(SHARE)/applications/org.discmaster1.write.desktop
	$(FILL) data/desktop/thunar.desktop.in > $(DESTDIR)$(SHARE)/Thunar/sendto/org.discmaster1.desktop
	$(FILL) data/desktop/dolphin.desktop.in > $(DESTDIR)$(SHARE)/kio/servicemenus/org.discmaster1.desktop
	$(FILL) data/desktop/caja.desktop.in > $(DESTDIR)$(SHARE)/file-manager/actions/org.discmaster1.desktop
	$(FILL) data/desktop/nemo.nemo_action.in > $(DESTDIR)$(SHARE)/nemo/actions/org.discmaster1.nemo_action
	$(FILL) data/desktop/nautilus.py.in > $(DESTDIR)$(SHARE)/nautilus-python/extensions/discmaster.py
	install -m 644 data/desktop/org.discmaster.discmaster.metainfo.xml $(DESTDIR)$(SHARE)/metainfo
	install -m 755 data/desktop/write-to-disc $(DESTDIR)$(PREFIX)/libexec/discmaster
	install -m 644 README.md docs/*.md $(DESTDIR)$(PREFIX)/share/doc/discmaster
	for language in $(LANGUAGES); do \
	    catalogue=$(DESTDIR)$(SHARE)/locale/$$language/LC_MESSAGES/discmaster.mo && install -d $${catalogue%/*} && \
	    msgfmt --output-file=$$catalogue data/po/$$language.po && chmod 644 $$catalogue || exit 1; done

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/discmaster $(DESTDIR)$(PREFIX)/bin/discmaster-vdrive
	rm -rf $(DESTDIR)$(PREFIX)/libexec/discmaster $(DESTDIR)$(PREFIX)/share/doc/discmaster
	rm -f $(DESTDIR)$(DBUS_DATADIR)/interfaces/org.discmaster1.*.xml
	rm -f $(DESTDIR)$(DBUS_DATADIR)/system.d/org.discmaster1.conf
	rm -f $(DESTDIR)$(DBUS_DATADIR)/system-services/org.discmaster1.service
	rm -f $(DESTDIR)$(SHARE)/applications/org.discmaster1.write.desktop $(DESTDIR)$(SHARE)/metainfo/org.discmaster.discmaster.metainfo.xml
	rm -f $(DESTDIR)$(SHARE)/Thunar/sendto/org.discmaster1.desktop $(DESTDIR)$(SHARE)/kio/servicemenus/org.discmaster1.desktop
	rm -f $(DESTDIR)$(SHARE)/file-manager/actions/org.discmaster1.desktop $(DESTDIR)$(SHARE)/nemo/actions/org.discmaster1.nemo_action
	rm -f $(DESTDIR)$(SHARE)/nautilus-python/extensions/discmaster.py
	rm -f $(DESTDIR)$(SHARE)/man/man1/discmaster.1 $(DESTDIR)$(SHARE)/man/man1/discmaster-*.1 $(DESTDIR)$(SHARE)/man/man8/discmasterd.8
	rm -f $(DESTDIR)$(SHARE)/bash-completion/completions/discmaster $(DESTDIR)$(SHARE)/zsh/vendor-completions/_discmaster
	rm -f $(DESTDIR)$(SHARE)/fish/vendor_completions.d/discmaster.fish
	rm -f $(LANGUAGES:%=$(DESTDIR)$(SHARE)/locale/%/LC_MESSAGES/discmaster.mo)
	for unit in $(UNITS) $(VDRIVE_UNITS) $(SOCKETS); do rm -f $(DESTDIR)$(SYSTEMD_UNITDIR)/$$unit; done
	rm -f $(DESTDIR)$(SYSUSERS_DIR)/discmaster.conf $(DESTDIR)$(UDEV_RULESDIR)/60-discmaster.rules
	rm -f $(DESTDIR)$(POLKIT_DATADIR)/actions/org.discmaster1.policy $(DESTDIR)$(POLKIT_DATADIR)/rules.d/org.discmaster1.rules
	@# What an administrator changed or added stays.
	! cmp -s systemd/discmaster.toml $(CONFIGURATION) || rm -f $(CONFIGURATION)
	rmdir $(dir $(CONFIGURATION)) 2>/dev/null || true
