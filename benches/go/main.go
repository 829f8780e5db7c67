// Go against go-capnp. One JSON object a line; benches/report.py reads them.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// must ends the run: a benchmark of something that fails measures nothing.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

func print(line map[string]any) {
	text, err := json.Marshal(line)
	must(err)
	fmt.Println(string(text))
}

// compare measures both in turns and prints their line.
func compare(operation string, size int, ours func(), peer string, theirs func()) {
	compareMany(operation, size, 1, ours, peer, theirs)
}

// compareMany is compare where one call does so many operations; the line is of one operation.
func compareMany(operation string, size, count int, ours func(), peer string, theirs func()) {
	took := pair(ours, theirs)
	each := 1 / float64(count)
	print(map[string]any{
		"language": "Go", "operation": operation, "size": size,
		"ours_ns": took.ours * each, "peer": peer, "peer_ns": took.peer * each, "ratio": took.ratio,
		"ours_allocs": testing.AllocsPerRun(200, ours) * each, "peer_allocs": testing.AllocsPerRun(200, theirs) * each,
	})
}

// peerVersion is that of go-capnp, as the binary was linked.
func peerVersion() string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if strings.HasPrefix(dependency.Path, "capnproto.org/go/capnp") {
			return dependency.Version
		}
	}
	return "unknown"
}

// discard is a sink that keeps nothing.
type discard struct{ taken int }

func (d *discard) SendFrame(frame []byte) error {
	d.taken += len(frame)
	return nil
}

func frames(buffer []byte) []byte {
	for _, size := range []int{64, 1 << 10, 64 << 10} {
		payload := payloadOf(size)
		frame := sdk.DataFrame(streamID, sequence, payload)
		encoded, err := sdk.EncodeStreamFrame(&frame)
		must(err)
		same(encoded, encodeFrameCanonical(payload))

		again := func() {
			value := sdk.DataFrame(streamID, sequence, payload)
			buffer, err = sdk.AppendStreamFrame(buffer[:0], &value)
			must(err)
		}
		fresh := func() {
			value := sdk.DataFrame(streamID, sequence, payload)
			kept.bytes, err = sdk.EncodeStreamFrame(&value)
			must(err)
		}
		theirs := func() { kept.bytes = encodeFrame(payload) }
		compare("frame encode", size, again, "go-capnp", theirs)
		compare("frame encode", size, again, "go-capnp, memory given back", func() {
			kept.bytes = encodeFrameReleased(payload)
		})
		compare("frame encode", size, again, "go-capnp, canonicalised", func() {
			kept.bytes = encodeFrameCanonical(payload)
		})
		compare("frame encode, new buffer", size, fresh, "go-capnp", theirs)

		var into sdk.StreamFrame
		alias := func() {
			must(sdk.DecodeStreamFrameInto(&into, encoded))
			readFrame(&into)
		}
		copied := func() {
			value, err := sdk.DecodeStreamFrame(encoded)
			must(err)
			readFrame(&value)
		}
		compare("frame decode", size, alias, "go-capnp", func() { decodeFrame(encoded) })
		compare("frame decode, payload copied", size, copied, "go-capnp", func() { decodeFrame(encoded) })
	}
	return buffer
}

// batches compares many frames in one crossing with a crossing for each.
func batches() {
	const count, size = 64, 64
	var values []sdk.StreamFrame
	for number := range count {
		values = append(values, sdk.DataFrame(streamID, uint64(number), payloadOf(size)))
	}
	encoded, err := sdk.EncodeStreamFrames(values)
	must(err)
	buffer := make([]byte, 0, 2*len(encoded))
	name := fmt.Sprintf("frame encode, batch of %d", count)
	compareMany(name, size, count, func() {
		buffer, err = sdk.AppendStreamFrames(buffer[:0], values)
		must(err)
	}, "one call each", func() {
		buffer = buffer[:0]
		for i := range values {
			buffer, err = sdk.AppendStreamFrame(buffer, &values[i])
			must(err)
		}
	})

	length := len(encoded) / count
	into := make([]sdk.StreamFrame, 0, count)
	all := func() {
		into, _, err = sdk.DecodeStreamFrames(into[:0], encoded)
		must(err)
		for i := range into {
			readFrame(&into[i])
		}
	}
	var one sdk.StreamFrame
	name = fmt.Sprintf("frame decode, batch of %d", count)
	compareMany(name, size, count, all, "cut, one call each", func() {
		for rest := encoded; len(rest) > 0; {
			first, err := sdk.SplitStreamFrame(rest)
			must(err)
			must(sdk.DecodeStreamFrameInto(&one, rest[:first]))
			readFrame(&one)
			rest = rest[first:]
		}
	})
	compareMany(name, size, count, all, "one call each", func() {
		for at := 0; at < len(encoded); at += length {
			must(sdk.DecodeStreamFrameInto(&one, encoded[at:at+length]))
			readFrame(&one)
		}
	})
}

func contexts(buffer []byte) {
	value := contextOf()
	encoded, err := value.Encode()
	must(err)
	size := len(encoded)
	same(encoded, encodeContextCanonical())

	again := func() {
		buffer, err = value.Append(buffer[:0])
		must(err)
	}
	build := func() {
		buffer, err = contextOf().Append(buffer[:0])
		must(err)
	}
	theirs := func() { kept.bytes = encodeContext() }
	compare("context encode", size, again, "go-capnp", theirs)
	compare("context encode", size, again, "go-capnp, canonicalised", func() {
		kept.bytes = encodeContextCanonical()
	})
	compare("context build and encode", size, build, "go-capnp", theirs)
	compare("context decode", size, func() {
		value, err := sdk.DecodeInvocationContext(encoded)
		must(err)
		readContext(value)
	}, "go-capnp", func() { decodeContext(encoded) })
}

func sends() {
	payload := payloadOf(64)
	sender, err := sdk.NewStreamSender(streamID, 1<<31-1, &discard{})
	must(err)
	defer sender.Release()
	compare("try_send and encode", 64, func() { must(sender.SendData(payload)) }, "go-capnp, encode alone", func() {
		kept.bytes = encodeFrame(payload)
	})
}

// same ends the run where the peer's canonical form is not ours.
func same(ours, theirs []byte) {
	table := binary.LittleEndian.AppendUint64(nil, uint64(len(theirs)/8)<<32)
	if !bytes.Equal(ours, append(table, theirs...)) {
		fmt.Fprintln(os.Stderr, "the peer's canonical form is not ours")
		os.Exit(1)
	}
}

func main() {
	frame := sdk.DataFrame(streamID, sequence, payloadOf(64))
	encoded, err := sdk.EncodeStreamFrame(&frame)
	must(err)
	context, err := contextOf().Encode()
	must(err)
	print(map[string]any{
		"language": "Go", "context": hex.EncodeToString(context), "frame": hex.EncodeToString(encoded),
		"versions": map[string]string{
			"Go": strings.TrimPrefix(runtime.Version(), "go"), "go-capnp": strings.TrimPrefix(peerVersion(), "v"),
		},
	})
	buffer := frames(nil)
	batches()
	contexts(buffer)
	sends()
}
