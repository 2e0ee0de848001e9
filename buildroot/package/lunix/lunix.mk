################################################################################
#
# lunix
#
################################################################################

# The sources are those around this tree: both are of one version.
LUNIX_VERSION = 0.1.0
LUNIX_SITE = $(BR2_EXTERNAL_LUNIX_PATH)/..
LUNIX_SITE_METHOD = local
LUNIX_SETUP_TYPE = hatch
LUNIX_LICENSE = ISC
LUNIX_LICENSE_FILES = LICENSE

# What a checkout may hold beside its sources; an output directory in it would be copied into itself.
LUNIX_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = \
	--exclude /.venv --exclude /.cache --exclude /build --exclude /dist \
	--exclude /output --exclude /docs --exclude /tests --exclude __pycache__

# lunix-init takes the place of busybox's /sbin/init.
LUNIX_DEPENDENCIES = $(if $(BR2_PACKAGE_BUSYBOX),busybox)

# The daemons with an option of their own, by the name that the bus knows.
LUNIX_DAEMONS = \
	bluetooth log login mount mqtt natsdev network power ps toast \
	uplink websocket wm

LUNIX_CHOSEN = $(foreach d,$(LUNIX_DAEMONS),$(if $(BR2_PACKAGE_LUNIX_$(call UPPERCASE,$(d))),$(d)))
LUNIX_LEFT_OUT = $(filter-out $(LUNIX_CHOSEN),$(LUNIX_DAEMONS)) \
	$(if $(BR2_PACKAGE_LUNIX_BUS),,bus)

LUNIX_PACKAGES_LEFT_OUT = $(addprefix lunix_,$(LUNIX_LEFT_OUT)) \
	$(if $(filter bluetooth login power toast,$(LUNIX_CHOSEN)),,lunix_dbus) \
	$(if $(filter toast wm,$(LUNIX_CHOSEN)),,lunix_x11)
LUNIX_PROGRAMS_LEFT_OUT = \
	$(patsubst lunix-natsdev,natsdev,$(addprefix lunix-,$(LUNIX_LEFT_OUT))) \
	$(if $(BR2_PACKAGE_LUNIX_LOGIN),,lunix-login-pam)

define LUNIX_REMOVE_LEFT_OUT
	rm -rf $(addprefix $(TARGET_DIR)/usr/lib/python$(PYTHON3_VERSION_MAJOR)/site-packages/,$(LUNIX_PACKAGES_LEFT_OUT))
	rm -f $(addprefix $(TARGET_DIR)/usr/bin/,$(LUNIX_PROGRAMS_LEFT_OUT))
	rm -rf $(TARGET_DIR)/usr/share/pam-configs
endef
LUNIX_POST_INSTALL_TARGET_HOOKS += LUNIX_REMOVE_LEFT_OUT

ifeq ($(BR2_PACKAGE_LUNIX_INIT),y)
LUNIX_UNITS = \
	$(if $(BR2_PACKAGE_LUNIX_BUS),$(LUNIX_PKGDIR)/embedded/bus.toml,$(LUNIX_PKGDIR)/../../../init/units/lunix/bus.toml) \
	$(patsubst %,$(LUNIX_PKGDIR)/units/%.toml,init $(LUNIX_CHOSEN)) \
	$(patsubst %,$(LUNIX_PKGDIR)/../../../init/units/system/%.toml,console mounts modules)

define LUNIX_INSTALL_INIT
	mkdir -p $(TARGET_DIR)/etc/lunix/units $(TARGET_DIR)/var/lib/lunix $(TARGET_DIR)/sbin
	$(INSTALL) -m 0644 $(LUNIX_UNITS) $(TARGET_DIR)/etc/lunix/units/
	ln -sf ../usr/bin/lunix-init $(TARGET_DIR)/sbin/init
	rm -rf $(TARGET_DIR)/usr/share/lunix/units
endef
LUNIX_POST_INSTALL_TARGET_HOOKS += LUNIX_INSTALL_INIT
endif

# Who may be which role on the bus is a matter of these groups.
define LUNIX_USERS
	- -1 lunix-observer -1 - - - - -
	- -1 lunix-user -1 - - - - -
	- -1 lunix-admin -1 - - - - -
endef

define LUNIX_LINUX_CONFIG_FIXUPS
	$(call KCONFIG_ENABLE_OPT,CONFIG_EPOLL)
	$(call KCONFIG_ENABLE_OPT,CONFIG_EVENTFD)
	$(call KCONFIG_ENABLE_OPT,CONFIG_SIGNALFD)
	$(call KCONFIG_ENABLE_OPT,CONFIG_TIMERFD)
	$(call KCONFIG_ENABLE_OPT,CONFIG_INOTIFY_USER)
	$(call KCONFIG_ENABLE_OPT,CONFIG_NET)
	$(call KCONFIG_ENABLE_OPT,CONFIG_UNIX)
	$(call KCONFIG_ENABLE_OPT,CONFIG_INET)
	$(call KCONFIG_ENABLE_OPT,CONFIG_CGROUPS)
	$(call KCONFIG_ENABLE_OPT,CONFIG_DEVTMPFS)
	$(call KCONFIG_ENABLE_OPT,CONFIG_TMPFS)
	$(if $(BR2_PACKAGE_LUNIX_PS),$(call KCONFIG_ENABLE_OPT,CONFIG_CONNECTOR))
	$(if $(BR2_PACKAGE_LUNIX_PS),$(call KCONFIG_ENABLE_OPT,CONFIG_PROC_EVENTS))
endef

$(eval $(python-package))
