// Two automations. Before: eval "$(lunix env --role user)"
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

func main() {
	key, err := nats.NkeyOptionFromSeed(os.Getenv("NATS_NKEY"))
	if err != nil {
		log.Fatal(err)
	}
	bus, err := nats.Connect(os.Getenv("NATS_URL"), key)
	if err != nil {
		log.Fatal(err)
	}
	bus.Subscribe("hardware.usb.add", func(*nats.Msg) {
		bus.Publish("toast.in", []byte("a USB stick was plugged in!"))
	})
	bus.Subscribe("mqtt.temperature0", func(reading *nats.Msg) {
		celsius, err := strconv.ParseFloat(string(reading.Data), 64)
		if err != nil || celsius >= 18 {
			return
		}
		var calibre struct{ Running bool }
		answer, err := bus.Request("ps.calibre", nil, 5*time.Second)
		if err == nil && json.Unmarshal(answer.Data, &calibre) == nil && calibre.Running {
			bus.Publish("toast.in", []byte(fmt.Sprintf("only %g °C", celsius)))
		}
	})
	select {}
}
