################################################################################
#
# python-nats-py
#
################################################################################

# lunix pins this version: its transport reaches into private parts.
PYTHON_NATS_PY_VERSION = 2.16.0
PYTHON_NATS_PY_SOURCE = nats_py-$(PYTHON_NATS_PY_VERSION).tar.gz
# The archive is where Buildroot's own Python packages come from.
PYTHON_NATS_PY_SITE = $(firstword $(subst /packages/, ,$(PYTHON_PYDANTIC_SITE)))/packages/source/n/nats-py
PYTHON_NATS_PY_SETUP_TYPE = hatch
PYTHON_NATS_PY_LICENSE = Apache-2.0
PYTHON_NATS_PY_LICENSE_FILES = LICENSE

$(eval $(python-package))
