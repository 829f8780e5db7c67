package payload_test

import (
	"testing"

	"capnproto.org/go/capnp/v3"

	"github.com/h-dv/ixt/bindings/go/capnp/module"
	"github.com/h-dv/ixt/bindings/go/capnp/payload"
)

func TestAStructIsAPayloadAndBack(t *testing.T) {
	_, segment, err := capnp.NewMessage(capnp.SingleSegment(nil))
	if err != nil {
		t.Fatal(err)
	}
	actor, err := module.NewRootActorIdentity(segment)
	if err != nil {
		t.Fatal(err)
	}
	subject, err := actor.NewSubject()
	if err != nil {
		t.Fatal(err)
	}
	if err := subject.SetOperator("alice"); err != nil {
		t.Fatal(err)
	}
	actors := payload.Of[module.ActorIdentity]()
	encoded, err := actors.Append([]byte("before"), actor)
	if err != nil || string(encoded[:6]) != "before" {
		t.Fatal(err)
	}
	decoded, err := actors.Decode(encoded[6:])
	if err != nil {
		t.Fatal(err)
	}
	found, err := decoded.Subject()
	if err != nil {
		t.Fatal(err)
	}
	if name, err := found.Operator(); name != "alice" || err != nil {
		t.Errorf("%q, %v", name, err)
	}

	// A struct within another one.
	inner := payload.Of[module.ActorSubject]()
	if encoded, err = inner.Append(nil, found); err != nil {
		t.Fatal(err)
	}
	if found, err = inner.Decode(encoded); err != nil {
		t.Fatal(err)
	}
	if name, err := found.Operator(); name != "alice" || err != nil {
		t.Errorf("%q, %v", name, err)
	}
	if _, err := actors.Decode([]byte("no message")); err == nil {
		t.Error("bytes that are no message were taken")
	}
}
