package sdk

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"
)

// A peer that takes the connection and says nothing: TCP itself has nothing to complain of.
func TestADialGivesUpOnASilentPeer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	// So that the test ends without the limit too.
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	dial := dialURL(DialSettings{TLS: &tls.Config{InsecureSkipVerify: true}}, 50*time.Millisecond)
	transport, err := dial(ctx, "tls://"+listener.Addr().String())
	if err == nil {
		_ = transport.Close()
		t.Fatal("there is a connection")
	}
	var late net.Error
	if !errors.As(err, &late) || !late.Timeout() || ctx.Err() != nil {
		t.Fatalf("%v; %v", err, ctx.Err())
	}
}
