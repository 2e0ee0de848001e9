// What `nats micro ls`, `info` and `stats` ask, and `nats req` and `nats sub`, by NATS's own client for Go.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// Gather what so many services answer to a verb.
func gather[T any](bus *nats.Conn, verb micro.Verb, name string, count int) []T {
	subject, err := micro.ControlSubject(verb, name, "")
	check(err)
	inbox := bus.NewRespInbox()
	answers, err := bus.SubscribeSync(inbox)
	check(err)
	check(bus.PublishRequest(subject, inbox, nil))
	found := []T{}
	for len(found) < count {
		message, err := answers.NextMsg(20 * time.Second)
		check(err)
		var one T
		check(json.Unmarshal(message.Data, &one))
		found = append(found, one)
	}
	return found
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	count, err := strconv.Atoi(os.Args[1])
	check(err)
	key, err := nats.NkeyOptionFromSeed(os.Getenv("NATS_NKEY"))
	check(err)
	bus, err := nats.Connect(os.Getenv("NATS_URL"), key)
	check(err)
	toasts, err := bus.SubscribeSync("toast.shown")
	check(err)
	answer, err := bus.Request("toast.in", []byte("tea"), 20*time.Second)
	check(err)
	var id struct{ Id string }
	check(json.Unmarshal(answer.Data, &id))
	message, err := toasts.NextMsg(20 * time.Second)
	check(err)
	var shown struct{ Summary string }
	check(json.Unmarshal(message.Data, &shown))
	found, err := json.Marshal(map[string]any{
		"ping":  gather[micro.Ping](bus, micro.PingVerb, "", count),
		"info":  gather[micro.Info](bus, micro.InfoVerb, "", count),
		"stats": gather[micro.Stats](bus, micro.StatsVerb, "", count),
		"one":   gather[micro.Info](bus, micro.InfoVerb, "toast", 1),
		"id":    id.Id,
		"shown": shown.Summary,
	})
	check(err)
	fmt.Println(string(found))
}
