// Calls over a Unix socket between two processes: ours and grpc-go.
//
// Without arguments it starts the servers as processes of its own, lets the clients take turns, and prints one JSON
// object a line: what was measured, nanoseconds a message of each side, their ratio, and CPU seconds per million
// messages, of client and server together.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"
)

// rounds is how many times are measured, of which the median is taken.
const rounds = 9

// side is one way of calling.
type side interface {
	// unary gives how many bytes came back.
	unary(payload []byte) (int, error)
	// each sends so many messages and reads as many back, as quickly as both go.
	each(payload []byte, count int) (int, error)
}

func main() {
	err := fmt.Errorf("usage: rpc [OPERATION SIDE]")
	switch arguments := os.Args[1:]; {
	case len(arguments) == 0:
		err = measure("")
	case len(arguments) == 1:
		err = measure(arguments[0])
	case arguments[0] == "serve-ours":
		stop := profile("serve")
		err = serveOurs(arguments[1])
		stop()
	case arguments[0] == "serve-grpc":
		err = serveGRPC(arguments[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// profile writes a CPU profile where IXT_PROFILE names a folder.
func profile(name string) func() {
	folder := os.Getenv("IXT_PROFILE")
	if folder == "" {
		return func() {}
	}
	file, err := os.Create(filepath.Join(folder, name+".prof"))
	if err != nil || pprof.StartCPUProfile(file) != nil {
		return func() {}
	}
	return func() {
		pprof.StopCPUProfile()
		_ = file.Close()
	}
}

func start(what, path string) (*exec.Cmd, error) {
	command := exec.Command("/proc/self/exe", what, path)
	command.Stderr = os.Stderr
	return command, command.Start()
}

// measure measures all, or what begins so.
func measure(only string) error {
	folder, err := os.MkdirTemp("", "ixt-bench-rpc-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	ourPath, grpcPath := filepath.Join(folder, "ours"), filepath.Join(folder, "grpc")
	var pids []int
	for what, path := range map[string]string{"serve-ours": ourPath, "serve-grpc": grpcPath} {
		server, err := start(what, path)
		if err != nil {
			return err
		}
		pids = append(pids, server.Process.Pid)
		defer func() {
			_ = server.Process.Signal(syscall.SIGTERM)
			_ = server.Wait()
		}()
	}
	pids = append(pids, os.Getpid())
	time.Sleep(500 * time.Millisecond)
	ours, err := connectOurs(ourPath)
	if err != nil {
		return err
	}
	grpc, err := connectGRPC(grpcPath)
	if err != nil {
		return err
	}
	defer profile("client")()
	for _, what := range []struct {
		operation   string
		size, count int
	}{{"unary", 64, 5000}, {"bidi stream", 64, 100_000}, {"bidi stream", 16 << 10, 5000}} {
		if !strings.HasPrefix(what.operation, only) {
			continue
		}
		payload := make([]byte, what.size)
		var times [2][]float64
		var used [2]float64
		for round := range rounds + 1 {
			for which, side := range []side{ours, grpc} {
				before, begun := cpu(pids), time.Now()
				bytes, err := run(side, what.operation, payload, what.count)
				if err != nil {
					return err
				}
				if bytes != what.size*what.count {
					return fmt.Errorf("%s: %d bytes came back", what.operation, bytes)
				}
				if round > 0 { // the first one warms up
					times[which] = append(times[which], float64(time.Since(begun).Nanoseconds())/float64(what.count))
					used[which] += cpu(pids) - before
				}
			}
		}
		slices.Sort(times[0])
		slices.Sort(times[1])
		a, b := times[0][rounds/2], times[1][rounds/2]
		per := func(seconds float64) float64 { return seconds / float64(rounds*what.count) * 1e6 }
		line, _ := json.Marshal(map[string]any{
			"language": "go", "operation": what.operation, "size": what.size, "ours": a, "peer": b, "ratio": b / a,
			"ours_cpu_s_per_million": per(used[0]), "peer_cpu_s_per_million": per(used[1]), "peer_name": "grpc-go",
		})
		fmt.Println(string(line))
	}
	return nil
}

func run(side side, operation string, payload []byte, count int) (int, error) {
	if operation != "unary" {
		return side.each(payload, count)
	}
	bytes := 0
	for range count {
		n, err := side.unary(payload)
		if err != nil {
			return 0, err
		}
		bytes += n
	}
	return bytes, nil
}

// cpu is the seconds that processes have used.
func cpu(pids []int) float64 {
	total := 0.0
	for _, pid := range pids {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		_, fields, _ := strings.Cut(string(stat), ") ")
		var user, system float64
		// state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt utime stime
		_, _ = fmt.Sscanf(strings.Join(strings.Fields(fields)[11:13], " "), "%f %f", &user, &system)
		total += (user + system) / 100
	}
	return total
}

var background = context.Background()
