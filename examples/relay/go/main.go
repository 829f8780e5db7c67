// The Go hop of the relay: takes frames from a socket, decodes, checks and encodes each again, and passes
// it on under credit.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
)

func main() {
	listen := flag.String("listen", "", "where the hop before this one connects to")
	connect := flag.String("connect", "", "where the hop behind this one listens")
	tap := flag.String("tap", "", "where every frame that this hop sends is written, too")
	flag.Parse()
	stats, err := relay(*listen, *connect, *tap)
	if err != nil {
		fmt.Fprintf(os.Stderr, "relay-go: %v\n", err)
		os.Exit(1)
	}
	fmt.Println(stats)
}

// read is what a socket gave. The reader waits until it has been used.
type read struct {
	from  side
	bytes []byte
	err   error
}

func relay(listen, connect, tapPath string) (string, error) {
	tapFile, err := os.OpenFile(tapPath, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return "", err
	}
	defer tapFile.Close()

	if err := os.Remove(listen); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	listener, err := net.Listen("unix", listen)
	if err != nil {
		return "", err
	}
	defer listener.Close()
	var sockets [2]net.Conn
	if sockets[down], err = dial(connect); err != nil {
		return "", err
	}
	if sockets[up], err = listener.Accept(); err != nil {
		return "", err
	}

	hop, err := newHop()
	if err != nil {
		return "", err
	}
	defer hop.release()
	reads, used := make(chan read), make(chan struct{})
	for _, from := range []side{up, down} {
		go receive(from, sockets[from], reads, used)
	}
	for !hop.hasEnded() {
		got := <-reads
		failed := hop.take(got.from, got.bytes)
		for _, out := range hop.takeOutput() {
			if _, err := tapFile.Write(out.frames); err != nil {
				return "", err
			}
			if _, err := sockets[out.to].Write(out.frames); err != nil {
				return "", err
			}
		}
		switch {
		case failed != nil:
			return "", failed
		case got.err != nil && !hop.hasEnded():
			return "", fmt.Errorf("%s: the %v peer went before the end", sdk.ErrTruncated.String(), got.from)
		case got.err == nil:
			used <- struct{}{}
		}
	}
	return hop.stats.line(), nil
}

func receive(from side, socket io.Reader, reads chan<- read, used <-chan struct{}) {
	buffer := make([]byte, 1<<17)
	for {
		n, err := socket.Read(buffer)
		reads <- read{from, buffer[:n], err}
		if err != nil {
			return
		}
		<-used
	}
}

// dial tries for ten seconds: the hops start in any order.
func dial(path string) (socket net.Conn, err error) {
	for range 500 {
		if socket, err = net.Dial("unix", path); err == nil {
			return socket, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil, err
}
