// The workloads of lend-bench-micro in Go, as one would write them there:
// goroutines, channels, runtime.Gosched and sync.
//
// bench/micro.py builds it and runs the two in turn. What an operation is, how
// many goroutines there are and when they are looked at is as in ../sched/.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

type plan struct {
	slices  int
	sliceMs int
	warmMs  int
}

// Every workload, in the order of lend-bench-micro.
var works = []work{
	{name: "cycle", count: times(5 * 100), run: runCycle},
	{name: "cycle-1", count: times(5), run: runCycle},
	{name: "yield", count: times(100), run: runYield},
	{name: "yield-1", count: times(1), run: runYield},
	{name: "churn", count: times(100), prepare: prepareChurn, run: runChurn},
	{name: "locality", count: times(100), prepare: prepareLocality, run: runLocality},
	{name: "locality-own", count: times(100), prepare: prepareLocality, run: runLocalityOwn},
	{name: "transfer-yield", count: always(group), prepare: prepareTransfer, run: runTransferYield},
	{name: "transfer-park", count: always(group), prepare: prepareTransfer, run: runTransferPark},
	{name: "transfer-all", count: times(group), prepare: prepareTransfer, run: runTransferPark},
	{name: "spawn", count: times(1), run: runSpawn},
	{name: "spawn-many", count: times(1), run: runSpawnMany},
	{name: "pingpong", count: times(2), prepare: prepareTalk, run: runPingpong},
	{name: "pingpong-far", count: far, prepare: prepareTalk, run: runPingpongFar},
	{name: "fan-in-1", count: always(2), prepare: prepareFan, run: runFan},
	{name: "fan-in-16", count: always(17), prepare: prepareFan, run: runFan},
	{name: "wake-latency", count: always(2), prepare: prepareWake, run: runWake, extras: spanExtras},
	{name: "wait-1000", count: always(1000), run: runWait, extras: spanExtras},
	{name: "timer", count: times(1), run: runTimer},
	{name: "timer-move", count: times(1), run: runTimerMove},
	{name: "sleep", count: times(100), run: runSleep, extras: spanExtras},
}

func times(factor int) func(int) int {
	return func(workers int) int { return factor * workers }
}

func always(count int) func(int) int {
	return func(int) int { return count }
}

func far(workers int) int {
	if workers < 2 {
		return 0
	}
	return 2
}

func find(name string) *work {
	for i := range works {
		if works[i].name == name {
			return &works[i]
		}
	}
	return nil
}

func numbers(text string) ([]int, error) {
	var list []int
	for _, part := range strings.Split(text, ",") {
		value, err := strconv.Atoi(part)
		if err != nil || value < 1 || value > 256 {
			return nil, fmt.Errorf("%q is not a list of numbers of workers", text)
		}
		list = append(list, value)
	}
	return list, nil
}

func main() {
	workersText := flag.String("workers", "1,2", "GOMAXPROCS, `N[,N...]`")
	plan := plan{}
	flag.IntVar(&plan.slices, "slices", 9, "looks at each workload")
	flag.IntVar(&plan.sliceMs, "ms", 50, "time between two of them")
	flag.IntVar(&plan.warmMs, "warmup-ms", 50, "time before the first one")
	list := flag.Bool("list", false, "say which workloads there are")
	flag.Parse()
	if *list {
		for _, work := range works {
			fmt.Println(work.name)
		}
		return
	}
	workersList, err := numbers(*workersText)
	if err == nil && (plan.slices < 1 || plan.sliceMs < 1 || plan.warmMs < 0) {
		err = fmt.Errorf("a number is out of range")
	}
	names := flag.Args()
	if len(names) == 0 {
		for _, work := range works {
			names = append(names, work.name)
		}
	}
	for _, name := range names {
		if err == nil && find(name) == nil {
			err = fmt.Errorf("%q is not a workload", name)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "go-bench-micro:", err)
		os.Exit(2)
	}
	fmt.Println("program,workload,workers,slice,operations,wall_ns,cpu_ns,extras")
	for _, name := range names {
		for _, workers := range workersList {
			runtime.GOMAXPROCS(workers)
			measure(find(name), workers, plan)
		}
	}
}

func measure(work *work, workers int, plan plan) {
	count := work.count(workers)
	if count == 0 {
		return
	}
	crowd := newCrowd(work, count)
	crowd.start()
	time.Sleep(time.Duration(plan.warmMs) * time.Millisecond)
	if work.extras != nil {
		work.extras(crowd)
	}
	for number := 0; number < plan.slices; number++ {
		slice := crowd.look(plan)
		fmt.Printf("go,%s,%d,%d,%d,%d,%d,%s\n", work.name, workers, number,
			slice.operations, slice.wallNs, slice.cpuNs, slice.extras)
	}
	crowd.end()
}
