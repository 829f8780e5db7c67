package main

import (
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

// Those who answer are one queue group, as modules of one service are.
const (
	natsGroup = "bench"
	natsUnary = "bench.unary"
	natsCount = "bench.count"
	// natsPatience is how long a request may take.
	natsPatience = 10 * time.Second
)

func serveNATS(url string) error {
	conn, err := nats.Connect(url, nats.RetryOnFailedConnect(true))
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.QueueSubscribe(natsUnary, natsGroup, func(call *nats.Msg) { _ = call.Respond(call.Data) }); err != nil {
		return err
	}
	bytes := 0
	messages, err := conn.QueueSubscribe(natsCount, natsGroup, func(message *nats.Msg) {
		bytes += len(message.Data)
		if message.Reply != "" { // the last one asks
			_ = message.Respond([]byte(strconv.Itoa(bytes)))
			bytes = 0
		}
	})
	if err != nil {
		return err
	}
	// What waits here is bounded by a round.
	if err := messages.SetPendingLimits(-1, -1); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(background, syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
	return nil
}

type natsAlone struct{ conn *nats.Conn }

func connectNATS(url string) (side, error) {
	conn, err := nats.Connect(url)
	return natsAlone{conn}, err
}

func (n natsAlone) unary(payload []byte) (int, error) {
	answer, err := n.conn.Request(natsUnary, payload, natsPatience)
	if err != nil {
		return 0, err
	}
	return len(answer.Data), nil
}

func (n natsAlone) count(payload []byte, count int) (int, error) {
	for range count {
		if err := n.conn.Publish(natsCount, payload); err != nil {
			return 0, err
		}
	}
	if err := n.conn.Flush(); err != nil {
		return 0, err
	}
	answer, err := n.conn.Request(natsCount, nil, natsPatience)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(string(answer.Data))
}
