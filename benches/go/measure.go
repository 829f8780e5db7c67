package main

import (
	"slices"
	"time"
)

// Short batches of one and the other take turns, so that whatever else the machine does meets both: see
// benches/rust/src/measure.rs.
const (
	batch  = 250 * time.Microsecond
	rounds = 601
)

type taken struct{ ours, peer, ratio float64 }

func measure(iterations int, operation func()) float64 {
	start := time.Now()
	for range iterations {
		operation()
	}
	return float64(time.Since(start).Nanoseconds()) / float64(iterations)
}

// calibrate gives as many iterations as make a batch; it warms up meanwhile.
func calibrate(operation func()) int {
	for iterations := 1; ; iterations *= 2 {
		took := measure(iterations, operation)
		// The fastest of some, for one that is interrupted would make the batches too short.
		for range 4 {
			took = min(took, measure(iterations, operation))
		}
		if took*float64(iterations) >= float64(batch)/4 {
			return 1 + int(float64(batch)/took)
		}
	}
}

func pair(ours, peer func()) taken {
	oursCount, peerCount := calibrate(ours), calibrate(peer)
	var first, second, ratio []float64
	for round := range rounds {
		var a, b float64
		if round%2 == 0 {
			a, b = measure(oursCount, ours), measure(peerCount, peer)
		} else {
			b, a = measure(peerCount, peer), measure(oursCount, ours)
		}
		first, second, ratio = append(first, a), append(second, b), append(ratio, b/a)
	}
	return taken{median(first), median(second), median(ratio)}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
