// Go's program of the tests of survival; see tests/survival/README.md.
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
	_ "github.com/h-dv/ixt/bindings/go/ixtnats" // nats:// in the place of a host
)

func main() {
	if len(os.Args) != 6 {
		log.Fatal("usage: URL NAME WINDOW IDLE_MS ROOTS")
	}
	url, name := os.Args[1], os.Args[2]
	window, idle, err := numbers(os.Args[3] + " " + os.Args[4])
	if err != nil {
		log.Fatal(err)
	}
	trusted, err := trusting(os.Args[5])
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	counts := newTally()
	module := sdk.NewModule(name,
		sdk.WithConnection(sdk.ConnectionConfig{
			Window: uint32(window), Idle: time.Duration(idle) * time.Millisecond,
		}),
		sdk.WithTLS(trusted),
		sdk.WithCallInterceptors(counts.whileOpening))
	serve(module, counts)
	go func() { log.Fatal(module.Serve(ctx, url)) }()
	if err := module.Ready(ctx); err != nil {
		log.Fatal(err)
	}
	if err := obey(ctx, module.Client(), counts); err != nil {
		log.Fatal(err)
	}
}

// trusting is for tls:// URLs whose certificates come from the authorities in a file; "-" is none.
func trusting(roots string) (*tls.Config, error) {
	if roots == "-" {
		return nil, nil
	}
	text, err := os.ReadFile(roots)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("no certificate in %s", roots)
	}
	return &tls.Config{RootCAs: pool}, nil
}

// obey does what standard input says.
func obey(ctx context.Context, client *sdk.Client, counts *tally) error {
	fmt.Println("ready")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Split(lines.Text(), " ")
		switch words[0] {
		case "traffic":
			begin(ctx, client, words[1], strings.Split(words[2], ","), counts)
		case "stop":
			counts.begin()
		case "reset":
			counts.reset()
		case "report":
			if err := say(counts.report()); err != nil {
				return err
			}
		case "pour":
			count, size, err := numbers(words[2] + " " + words[3])
			if err != nil {
				return err
			}
			done, err := pour(ctx, client, words[1], count, size, words[4])
			if err != nil {
				return err
			}
			if err := say(done); err != nil {
				return err
			}
		case "draw":
			sleep, err := strconv.Atoi(words[4])
			if err != nil {
				return err
			}
			done, err := draw(ctx, client, words[1], words[2]+" "+words[3], time.Duration(sleep)*time.Millisecond)
			if err != nil {
				return err
			}
			if err := say(done); err != nil {
				return err
			}
		default:
			return fmt.Errorf("what is %q?", lines.Text())
		}
	}
	return lines.Err()
}

func say(what any) error {
	line, err := json.Marshal(what)
	if err == nil {
		fmt.Println(string(line))
	}
	return err
}

// numbers are two, with a space between.
func numbers(text string) (first, second uint64, err error) {
	_, err = fmt.Sscanf(text, "%d %d", &first, &second)
	return first, second, err
}
