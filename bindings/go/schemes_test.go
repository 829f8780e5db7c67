package sdk_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	sdk "github.com/h-dv/ixt/bindings/go"
)

func TestASchemeThatIsNotThere(t *testing.T) {
	err := sdk.NewModule("m").Serve(t.Context(), "nats://127.0.0.1:1")
	if !errors.Is(err, sdk.ErrInvalidArgument) || !strings.Contains(err.Error(), `import _ "github.com/h-dv/ixt/bindings/go/ixtnats"`) {
		t.Error(err)
	}
}

func TestASchemeThatIsRegistered(t *testing.T) {
	dialled := errors.New("dialled")
	sdk.RegisterDialer("test-registered", func(settings sdk.DialSettings) sdk.Dialer {
		return func(_ context.Context, url string) (io.ReadWriteCloser, error) {
			if settings.Module != "m" || settings.TLS != nil || url != "test-registered://a,b:?" {
				t.Errorf("%+v, %s", settings, url)
			}
			return nil, errors.Join(dialled, sdk.ErrInvalidArgument)
		}
	})
	if err := sdk.NewModule("m").Serve(t.Context(), "test-registered://a,b:?"); !errors.Is(err, dialled) {
		t.Error(err)
	}
	for _, scheme := range []string{"unix", "tcp", "tls", "test-registered"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error(scheme)
				}
			}()
			sdk.RegisterDialer(scheme, nil)
		}()
	}
}
