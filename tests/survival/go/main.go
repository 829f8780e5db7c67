// Go's program of the tests of survival; see tests/survival/README.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
)

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: URL NAME WINDOW")
	}
	url, name := os.Args[1], os.Args[2]
	window, err := strconv.ParseUint(os.Args[3], 10, 32)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	counts := newTally()
	module := sdk.NewModule(name,
		sdk.WithConnection(sdk.ConnectionConfig{Window: uint32(window)}),
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
