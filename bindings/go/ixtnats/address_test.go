package ixtnats

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	sdk "github.com/h-dv/ixt/bindings/go"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[string]address{
		"nats://a":                   {servers: []string{"nats://a:4222"}},
		"nats://a/":                  {servers: []string{"nats://a:4222"}},
		"nats://a:1,b,[::1],[::1]:2": {servers: []string{"nats://a:1", "nats://b:4222", "nats://[::1]:4222", "nats://[::1]:2"}},
		"nats://alice:p%40:s@a":      {servers: []string{"nats://a:4222"}, user: "alice", password: "p@:s"},
		"nats://token@a":             {servers: []string{"nats://a:4222"}, token: "token"},
		"nats://a?creds=/x%20+y":     {servers: []string{"nats://a:4222"}, creds: "/x +y"},
	} {
		if got, err := parse(text); err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"nats://", "nats:a", "tcp://a", "nats://a,", "nats://,a", "nats://a:", "nats://a:x", "nats://a:65536", "nats://a:0",
		"nats://a/b", "nats://a?", "nats://a?creds=", "nats://a?tls=1", "nats://a?creds=x&tls=1", "nats://:secret@a",
		"nats://alice:secret@", "nats://%zz@a", "nats://a b", "nats://a#b", "nats://[::1", "nats://[x]", "nats://::1",
	} {
		_, err := parse(text)
		if !errors.Is(err, sdk.ErrInvalidArgument) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	a, err := parse("nats://alice:secret@a:1,b?creds=hidden")
	if err != nil || a.String() != "nats://a:1,b:4222" {
		t.Error(a, err)
	}
}
