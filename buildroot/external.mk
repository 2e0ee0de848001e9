include $(sort $(wildcard $(BR2_EXTERNAL_LUNIX_PATH)/package/*/*.mk))
