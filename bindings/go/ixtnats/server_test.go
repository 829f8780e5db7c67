package ixtnats_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// server is a nats-server as a process, which is killed and started again on its port.
type server struct {
	t       testing.TB
	program string
	address string
	config  string
	process *exec.Cmd
}

// newServer starts one; what is added to its configuration is config.
func newServer(t testing.TB, config string) *server {
	t.Helper()
	program := os.Getenv("NATS_SERVER")
	if program == "" {
		program, _ = filepath.Abs("../../../build/nats-server")
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("no nats-server: `make nats` builds it, or NATS_SERVER names one: %v", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, program: program, address: listener.Addr().String(), config: filepath.Join(t.TempDir(), "nats.conf")}
	_ = listener.Close()
	if err := os.WriteFile(s.config, []byte("listen: "+s.address+"\n"+config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	s.start()
	return s
}

func (s *server) url() string { return "nats://" + s.address }

func (s *server) start() {
	s.t.Helper()
	s.process = exec.Command(s.program, "-c", s.config)
	if os.Getenv("NATS_LOG") != "" {
		s.process.Args = append(s.process.Args, "-DV")
		s.process.Stderr = os.Stderr
	}
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", s.address)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(late) {
			s.t.Fatal(err)
		}
	}
}

func (s *server) signal(signal os.Signal) {
	if err := s.process.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
		s.process = nil
	}
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(late) {
			t.Fatal("not within 20 s: " + what)
		}
	}
}

// within fails where something took longer.
func within(t testing.TB, began time.Time, most time.Duration, what string) {
	t.Helper()
	if took := time.Since(began); took > most {
		t.Errorf("%s took %v", what, took)
	}
}
