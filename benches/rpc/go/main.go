// Calls between two processes: ours directly, grpc-go, and ours through a host, over a Unix socket; and through a
// server of NATS, by NATS alone and by ours on it.
//
// Without arguments it starts the servers as processes of its own, lets the clients take turns, and prints one JSON
// object a line: what was measured, nanoseconds a message of each side, their ratio, and CPU seconds per million
// messages, of client and servers together. The host is the command that IXT names (ixt); without it that way is
// left out, and so is NATS without NATS_URL, its server. NATS_PID is the process whose CPU seconds count with it. How
// lines are read is told in benches/calls.py.
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
	"strconv"
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
}

// echoer is a side that has streams both ways.
type echoer interface {
	// each sends so many messages and reads as many back, as quickly as both go.
	each(payload []byte, count int) (int, error)
}

// counter is a side that is measured one way.
type counter interface {
	// count sends so many messages, and has the other side tell how many bytes came.
	count(payload []byte, count int) (int, error)
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
	case arguments[0] == "serve-nats":
		err = serveNATS(arguments[1])
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

// way is one way of calling and what was measured of it.
type way struct {
	name string
	side side
	// times has nanoseconds a message, by round; used is the CPU seconds of all rounds.
	times []float64
	used  float64
}

// measure measures all, or what begins so.
func measure(only string) error {
	folder, err := os.MkdirTemp("", "ixt-bench-rpc-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	at := func(name string) string { return filepath.Join(folder, name) }
	url := func(name string) string { return "unix://" + at(name) }
	const self = "/proc/self/exe"
	pids := []int{os.Getpid()}
	commands := [][]string{{self, "serve-ours", url("ours")}, {self, "serve-grpc", at("grpc")}}
	host, nats := os.Getenv("IXT"), os.Getenv("NATS_URL")
	if host != "" {
		commands = append(commands, []string{host, "host", url("host")}, []string{self, "serve-module", url("host")})
	}
	if nats != "" {
		commands = append(commands, []string{self, "serve-nats", nats}, []string{self, "serve-module", nats})
		if pid, err := strconv.Atoi(os.Getenv("NATS_PID")); err == nil {
			pids = append(pids, pid)
		}
	}
	for _, command := range commands {
		server, err := start(&pids, command[0], command[1:]...)
		defer server.stop()
		if err != nil {
			return err
		}
	}
	time.Sleep(500 * time.Millisecond)
	var ways []*way
	connect := func(name string, side side, err error) error {
		ways = append(ways, &way{name: name, side: side})
		return err
	}
	// Ours differ by their URL, and by whether that is the other side itself or a place where both meet.
	direct, err := connectOurs(url("ours"), false)
	if err := connect("direct", direct, err); err != nil {
		return err
	}
	grpc, err := connectGRPC(at("grpc"))
	if err := connect("grpc-go", grpc, err); err != nil {
		return err
	}
	if host != "" {
		hosted, err := connectOurs(url("host"), true)
		if err := connect("host", hosted, err); err != nil {
			return err
		}
	}
	if nats != "" {
		alone, err := connectNATS(nats)
		if err := connect(natsPeer, alone, err); err != nil {
			return err
		}
		met, err := connectOurs(nats, true)
		if err := connect(onNATS, met, err); err != nil {
			return err
		}
	}
	defer profile("client")()
	for _, what := range []struct {
		operation   string
		size, count int
	}{
		{"unary", 64, 3000}, {atOnce, 64, 19_200}, {bidi, 64, 60_000}, {bidi, 16 << 10, 4000},
		// NATS' server gives up a reader for whom more than 64 MiB wait: a round is less.
		{oneWay, 64, 60_000}, {oneWay, 16 << 10, 4000},
	} {
		if !strings.HasPrefix(what.operation, only) {
			continue
		}
		if err := compare(ways, pids, what.operation, what.size, what.count); err != nil {
			return err
		}
	}
	return nil
}

const (
	natsPeer = "nats.go"
	// onNATS is ours where its modules meet on NATS.
	onNATS = "on NATS"
)

// compare measures one case of all ways in turns, and prints a line for each peer that takes part.
func compare(all []*way, pids []int, operation string, size, count int) error {
	payload := make([]byte, size)
	ways := map[string]*way{}
	for _, way := range all {
		way.times, way.used = nil, 0
		if has(way.side, operation) && (way.name != onNATS || operation != bidi) { // which NATS alone has not
			ways[way.name] = way
		}
	}
	for round := range rounds + 1 {
		for _, way := range all {
			if ways[way.name] == nil {
				continue
			}
			before, begun := cpu(pids), time.Now()
			bytes, err := run(way.side, operation, payload, count)
			took := time.Since(begun)
			if err != nil {
				return fmt.Errorf("%s by %s: %w", operation, way.name, err)
			}
			if bytes != size*count {
				return fmt.Errorf("%s: %d bytes by %s", operation, bytes, way.name)
			}
			if round > 0 { // the first one warms up
				way.times = append(way.times, float64(took.Nanoseconds())/float64(count))
				way.used += cpu(pids) - before
			}
		}
	}
	direct, host := ways["direct"], ways["host"]
	for _, name := range []string{"grpc-go", natsPeer} {
		peer := ways[name]
		if peer == nil {
			continue
		}
		line := map[string]any{
			"language": "Go", "operation": operation, "size": size, "peer": name,
			"ratio": ratio(peer.times, direct.times),
		}
		seconds := map[string]float64{}
		told := map[string]*way{"direct": direct, "peer": peer, "host": host}
		if on := ways[onNATS]; name == natsPeer && on != nil {
			// What NATS alone takes is held against ours on NATS, too.
			told["on_nats"], line["on_nats_by_peer"] = on, ratio(on.times, peer.times)
		}
		for name, way := range told {
			if way != nil {
				line[name+"_ns"] = median(way.times)
				seconds[name] = way.used * 1e6 / float64(rounds*count)
			}
		}
		line["cpu_s_per_million"] = seconds
		if host != nil {
			line["host_by_direct"] = ratio(host.times, direct.times)
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

const (
	// atOnce is what has many callers on one connection.
	atOnce  = "unary, 64 at once"
	callers = 64
	// bidi is messages both ways, as many as the windows let through.
	bidi = "bidi stream"
	// oneWay is messages one way; at their end one message tells how many bytes came.
	oneWay = "client stream"
)

// has says whether a side takes part.
func has(side side, operation string) bool {
	takes := true
	switch operation {
	case bidi:
		_, takes = side.(echoer)
	case oneWay:
		_, takes = side.(counter)
	}
	return takes
}

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
	case oneWay:
		return side.(counter).count(payload, count)
	default:
		return side.(echoer).each(payload, count)
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
