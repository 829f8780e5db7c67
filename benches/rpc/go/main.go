// Calls over a Unix socket between two processes: ours directly, grpc-go, and ours through a host.
//
// Without arguments it starts the servers as processes of its own, lets the clients take turns, and prints one JSON
// object a line: what was measured, nanoseconds a message of each side, their ratio, and CPU seconds per million
// messages, of client and servers together. The host is the command that IXT names (ixt); without it that way is
// left out.
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
	"sync"
	"sync/atomic"
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
	err := fmt.Errorf("usage: rpc [OPERATION]")
	switch arguments := os.Args[1:]; {
	case len(arguments) == 0:
		err = measure("")
	case len(arguments) == 1:
		err = measure(arguments[0])
	case arguments[0] == "serve-ours":
		stop := profile("serve")
		err = serveOurs(arguments[1], false)
		stop()
	case arguments[0] == "serve-module":
		err = serveOurs(arguments[1], true)
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

// server is a process that ends with us.
type server struct{ command *exec.Cmd }

func start(pids *[]int, program string, arguments ...string) (server, error) {
	command := exec.Command(program, arguments...)
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		return server{}, err
	}
	*pids = append(*pids, command.Process.Pid)
	return server{command}, nil
}

func (s server) stop() {
	if s.command != nil {
		_ = s.command.Process.Signal(syscall.SIGTERM)
		_ = s.command.Wait()
	}
}

// measure measures all, or what begins so.
func measure(only string) error {
	folder, err := os.MkdirTemp("", "ixt-bench-rpc-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	at := func(name string) string { return filepath.Join(folder, name) }
	const self = "/proc/self/exe"
	pids := []int{os.Getpid()}
	commands := [][]string{{self, "serve-ours", at("ours")}, {self, "serve-grpc", at("grpc")}}
	host := os.Getenv("IXT")
	if host != "" {
		commands = append(commands, []string{host, "host", "unix://" + at("host")}, []string{self, "serve-module", at("host")})
	}
	for _, command := range commands {
		server, err := start(&pids, command[0], command[1:]...)
		defer server.stop()
		if err != nil {
			return err
		}
	}
	time.Sleep(500 * time.Millisecond)
	names := []string{"direct", "peer", "host"}
	sides := make([]side, 2, 3)
	if sides[0], err = connectOurs(at("ours"), false); err != nil {
		return err
	}
	if sides[1], err = connectGRPC(at("grpc")); err != nil {
		return err
	}
	if host != "" {
		hosted, err := connectOurs(at("host"), true)
		if err != nil {
			return err
		}
		sides = append(sides, hosted)
	}
	defer profile("client")()
	for _, what := range []struct {
		operation   string
		size, count int
	}{{"unary", 64, 3000}, {atOnce, 64, 19_200}, {"bidi stream", 64, 60_000}, {"bidi stream", 16 << 10, 4000}} {
		if !strings.HasPrefix(what.operation, only) {
			continue
		}
		payload := make([]byte, what.size)
		times, used := make([][]float64, len(sides)), make([]float64, len(sides))
		for round := range rounds + 1 {
			for which, side := range sides {
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
		line := map[string]any{
			"language": "Go", "operation": what.operation, "size": what.size, "peer": "grpc-go",
			"ratio": ratio(times[1], times[0]),
		}
		seconds := map[string]float64{}
		for which, name := range names[:len(sides)] {
			line[name+"_ns"] = median(times[which])
			seconds[name] = used[which] * 1e6 / float64(rounds*what.count)
		}
		line["cpu_s_per_million"] = seconds
		if len(sides) > 2 {
			line["host_by_direct"] = ratio(times[2], times[0])
		}
		encoded, err := json.Marshal(line)
		if err != nil {
			return err
		}
		fmt.Println(string(encoded))
	}
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// ratio is the median of the rounds' own ratios.
func ratio(a, b []float64) float64 {
	ratios := make([]float64, len(a))
	for i := range a {
		ratios[i] = a[i] / b[i]
	}
	return median(ratios)
}

// atOnce is what has many callers on one connection.
const (
	atOnce  = "unary, 64 at once"
	callers = 64
)

func run(side side, operation string, payload []byte, count int) (int, error) {
	switch operation {
	case "unary":
		return calls(side, payload, count)
	case atOnce:
		var total atomic.Int64
		var group sync.WaitGroup
		failed := make(chan error, callers)
		for range callers {
			group.Go(func() {
				bytes, err := calls(side, payload, count/callers)
				if err != nil {
					failed <- err
				}
				total.Add(int64(bytes))
			})
		}
		group.Wait()
		close(failed)
		return int(total.Load()), <-failed
	default:
		return side.each(payload, count)
	}
}

func calls(side side, payload []byte, count int) (int, error) {
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
