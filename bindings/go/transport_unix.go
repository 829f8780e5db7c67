//go:build unix

package sdk

import (
	"io"
	"syscall"
)

// rawWriter is a socket's file descriptor.
type rawWriter struct {
	conn syscall.RawConn
	b    []byte
	n    int
	call func(fd uintptr) bool
}

func socketWriterOf(transport io.ReadWriteCloser) quickWriter {
	socket, ok := transport.(syscall.Conn)
	if !ok {
		return nil
	}
	conn, err := socket.SyscallConn()
	if err != nil {
		return nil
	}
	w := &rawWriter{conn: conn}
	w.call = func(fd uintptr) bool {
		for {
			n, err := syscall.Write(int(fd), w.b)
			if err == syscall.EINTR {
				continue
			}
			w.n = max(n, 0)
			return true // done, whether or not it took something
		}
	}
	return w
}

func (w *rawWriter) TryWrite(b []byte) int {
	w.b, w.n = b, 0
	_ = w.conn.Write(w.call)
	w.b = nil
	return w.n
}
