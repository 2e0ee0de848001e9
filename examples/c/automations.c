/* Two automations. Before: apt-get install libnats-dev; cc automations.c -o automations -lnats
 *                          eval "$(lunix env --role user)" */
#include <nats/nats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check(natsStatus status) {
    if (status != NATS_OK) {
        fprintf(stderr, "%s\n", natsStatus_GetText(status));
        exit(1);
    }
}

/* The client wants the public key beside the seed: it stands in public.json, in the same folder. */
static char *public_key(const char *seed_file) {
    static char text[65536];
    char path[4096], wanted[256];
    const char *name = strrchr(seed_file, '/') + 1;
    snprintf(path, sizeof path, "%.*spublic.json", (int)(name - seed_file), seed_file);
    snprintf(wanted, sizeof wanted, "\"%.*s\": \"", (int)strcspn(name, "."), name);
    FILE *file = fopen(path, "r");
    if (file == NULL || fread(text, 1, sizeof text - 1, file) == 0) return NULL;
    fclose(file);
    char *key = strstr(text, wanted);
    if (key == NULL) return NULL;
    key += strlen(wanted);
    key[strcspn(key, "\"")] = 0;
    return key;
}

static void plugged(natsConnection *bus, natsSubscription *subscription, natsMsg *event, void *closure) {
    natsConnection_PublishString(bus, "toast.in", "a USB stick was plugged in!");
    natsMsg_Destroy(event);
}

static void reading(natsConnection *bus, natsSubscription *subscription, natsMsg *event, void *closure) {
    char text[64];
    snprintf(text, sizeof text, "%.*s", natsMsg_GetDataLength(event), natsMsg_GetData(event));
    char *end;
    double celsius = strtod(text, &end);
    natsMsg *answer = NULL;
    if (end > text && celsius < 18 && natsConnection_RequestString(&answer, bus, "ps.calibre", "", 5000) == NATS_OK) {
        if (strstr(natsMsg_GetData(answer), "\"running\":true") != NULL) {
            snprintf(text, sizeof text, "only %g °C", celsius);
            natsConnection_PublishString(bus, "toast.in", text);
        }
        natsMsg_Destroy(answer);
    }
    natsMsg_Destroy(event);
}

int main(void) {
    natsOptions *options = NULL;
    natsConnection *bus = NULL;
    natsSubscription *subscriptions[2];
    const char *seed_file = getenv("NATS_NKEY");
    check(natsOptions_Create(&options));
    check(natsOptions_SetURL(options, getenv("NATS_URL")));
    check(natsOptions_SetNKeyFromSeed(options, public_key(seed_file), seed_file));
    check(natsConnection_Connect(&bus, options));
    check(natsConnection_Subscribe(&subscriptions[0], bus, "hardware.usb.add", plugged, NULL));
    check(natsConnection_Subscribe(&subscriptions[1], bus, "mqtt.temperature0", reading, NULL));
    for (;;) pause();
}
