package sdk_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
	"github.com/h-dv/ixt/bindings/go/sdktest"
)

func shout(ctx context.Context, payload *sdk.HandlePayload) ([]byte, error) {
	switch payload.Method {
	case "shout":
		return bytes.ToUpper(payload.Body), nil
	case "who":
		return []byte(payload.Context.SourceModule), nil
	default:
		return nil, sdk.Errorf(sdk.CodeNotFound, "no method %s", payload.Method)
	}
}

func serve(t *testing.T, m *sdk.Module) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Serve(ctx, "") }()
	if err := m.Ready(within(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); <-done })
}

func TestMessages(t *testing.T) {
	for name, options := range map[string][]sdk.ModuleOption{
		"plain": nil,
		"with interceptors": {sdk.WithHandlerInterceptors(func(next sdk.Handler) sdk.Handler { return next }),
			sdk.WithCallInterceptors(func(next sdk.Caller) sdk.Caller { return next })},
	} {
		t.Run(name, func(t *testing.T) {
			h := sdktest.NewHost(t)
			provider := module(h, "provider", options...)
			provider.HandleMessage("voice", shout)
			provider.HandleModule(sdk.MessageHandler(shout))
			serve(t, provider)
			caller := module(h, "caller", options...)
			serve(t, caller)
			client, ctx := caller.Client(), within(t)
			for _, target := range []sdk.Target{sdk.ServiceTarget("voice"), sdk.ModuleTarget("provider")} {
				for _, try := range [][3]string{{"shout", "hello", "HELLO"}, {"shout", "", ""}, {"who", "", "caller"}} {
					answer, err := client.Message(ctx, "", try[0], []byte(try[1]), sdk.To(target))
					if err != nil || string(answer) != try[2] {
						t.Errorf("%v: %q, %v", try, answer, err)
					}
				}
				if _, err := client.Message(ctx, "", "whisper", nil, sdk.To(target)); !errors.Is(err, sdk.CodeNotFound) {
					t.Errorf("an unknown method: %v", err)
				}
			}
			for method, kind := range map[string]error{
				"": sdk.ErrBadMethod, strings.Repeat("m", 257): sdk.ErrBadMethod, "a\x00b": sdk.ErrBadText, "\xff": sdk.ErrBadText,
			} {
				if _, err := client.Message(ctx, "voice", method, nil); !errors.Is(err, kind) {
					t.Errorf("the method %.5q: %v", method, err)
				}
			}
			if _, err := client.Message(ctx, "voice", "shout", make([]byte, 1<<20)); !errors.Is(err, sdk.ErrFrameTooLarge) {
				t.Errorf("a body that does not fit: %v", err)
			}
		})
	}
}

// The context within decides nothing: where it is not the open's, the handler is not asked.
func TestAMessageCannotSayMoreThanItsOpen(t *testing.T) {
	h := sdktest.NewHost(t)
	provider := module(h, "provider")
	provider.HandleMessage("voice", func(context.Context, *sdk.HandlePayload) ([]byte, error) {
		t.Error("the handler sees it")
		return nil, nil
	})
	serve(t, provider)
	caller := module(h, "caller")
	serve(t, caller)
	other := &sdk.HandlePayload{Method: "shout", Context: &sdk.InvocationContext{
		SourceModule: "caller", Target: sdk.ServiceTarget("voice"), Actor: sdk.ActorIdentity{Capabilities: []string{"*"}},
	}}
	recorded, err := other.Encode()
	if err != nil {
		t.Fatal(err)
	}
	anonymous, err := (&sdk.HandlePayload{Method: "shout"}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range [][]byte{recorded, anonymous, []byte("no message"), nil} {
		if _, err := caller.Client().Unary(within(t), "voice", message); !errors.Is(err, sdk.CodeInvalidArgument) {
			t.Errorf("%.8x: %v", message, err)
		}
	}
}

func TestWhatIsLiftedOutOfTheContext(t *testing.T) {
	h := sdktest.NewHost(t)
	provider := module(h, "provider")
	provider.HandleMessage("look", func(ctx context.Context, payload *sdk.HandlePayload) ([]byte, error) {
		call, said := sdk.CallOf(ctx), payload.Context
		if call.CorrelationID() != said.CorrelationID || call.SpanID() != said.SpanID || call.SpanID() == (sdk.SpanID{}) ||
			call.SourceModule() != "caller" || call.DeadlineMS() != said.DeadlineMS || call.DeadlineMS() == 0 ||
			call.Actor().Subject != sdk.OperatorSubject("alice") || !slices.Equal(call.Capabilities(), []string{"a.b"}) ||
			!slices.Equal(call.Metadata(), sdk.Metadata{{Key: "k", Value: "v"}}) {
			t.Errorf("%v", call.Invocation())
		}
		return nil, nil
	}, sdk.Requires("a.b"))
	serve(t, provider)
	caller := module(h, "caller")
	serve(t, caller)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	actor := sdk.ActorIdentity{Subject: sdk.OperatorSubject("alice"), Capabilities: []string{"a.b"}}
	if _, err := caller.Client().Message(ctx, "look", "m", nil, sdk.WithActor(actor), sdk.WithMetadata("k", "v")); err != nil {
		t.Error(err)
	}
	if _, err := caller.Client().Message(ctx, "look", "m", nil); !errors.Is(err, sdk.CodePermissionDenied) {
		t.Errorf("without the capability: %v", err)
	}
}
