################################################################################
#
# python-nkeys
#
################################################################################

PYTHON_NKEYS_VERSION = 0.2.1
PYTHON_NKEYS_SOURCE = nkeys-$(PYTHON_NKEYS_VERSION).tar.gz
# The archive is where Buildroot's own Python packages come from.
PYTHON_NKEYS_SITE = $(firstword $(subst /packages/, ,$(PYTHON_PYDANTIC_SITE)))/packages/source/n/nkeys
PYTHON_NKEYS_SETUP_TYPE = setuptools
PYTHON_NKEYS_LICENSE = Apache-2.0
PYTHON_NKEYS_LICENSE_FILES = LICENSE

$(eval $(python-package))
