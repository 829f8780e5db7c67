// The verdicts of Go: lines `frame HEX` and `context HEX` in, a verdict a line out.
package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"

	sdk "github.com/h-dv/ixt/bindings/go"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	for in.Scan() {
		of, text, _ := strings.Cut(in.Text(), " ")
		data, err := hex.DecodeString(text)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Fprintln(out, verdict(of, data))
	}
	if err := errors.Join(in.Err(), out.Flush()); err != nil {
		log.Fatal(err)
	}
}

// verdict is the kind of a refusal, or whether it is canonical and what it encodes to.
func verdict(of string, data []byte) string {
	again, err := decode(of, data)
	canonical := decodeCanonical(of, data)
	switch {
	case err != nil && kind(err) == kind(canonical):
		return kind(err)
	case err != nil:
		return kind(err) + ", but canonically " + kind(canonical)
	case canonical == nil:
		return "canonical " + hex.EncodeToString(again)
	default:
		return kind(canonical) + " " + hex.EncodeToString(again)
	}
}

func decode(of string, data []byte) ([]byte, error) {
	if of == "frame" {
		frame, err := sdk.DecodeStreamFrame(data)
		if err != nil {
			return nil, err
		}
		return sdk.EncodeStreamFrame(&frame)
	}
	context, err := sdk.DecodeInvocationContext(data)
	if err != nil {
		return nil, err
	}
	return context.Encode()
}

func decodeCanonical(of string, data []byte) error {
	if of == "frame" {
		_, err := sdk.DecodeCanonicalStreamFrame(data)
		return err
	}
	_, err := sdk.DecodeCanonicalInvocationContext(data)
	return err
}

func kind(err error) string {
	if err == nil {
		return "nothing"
	}
	var refused *sdk.Error
	if errors.As(err, &refused) {
		return refused.Kind.String()
	}
	return err.Error()
}
