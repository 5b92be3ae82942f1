// Command testclient launches a data source's backend as Grafana does, by hashicorp/go-plugin and
// grafana-plugin-sdk-go, and runs steps that it reads as JSON lines from stdin. It answers each with a JSON line on
// stdout, in the order in which they are done. It ends with stdin, and shuts the backend down before.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: testclient EXECUTABLE")
		os.Exit(2)
	}
	backend, err := launch(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "launch:", err)
		os.Exit(1)
	}
	defer backend.client.Kill()
	out := &output{encoder: json.NewEncoder(os.Stdout)}
	out.write(map[string]any{"id": "launch", "pid": backend.pid, "protocol": backend.client.NegotiatedVersion()})

	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(make([]byte, 1<<20), 64<<20)
	var running sync.WaitGroup
	cancels := &cancels{byID: map[string]context.CancelFunc{}}
	for lines.Scan() {
		var step step
		if err := json.Unmarshal(lines.Bytes(), &step); err != nil {
			out.write(map[string]any{"error": err.Error()})
			continue
		}
		if step.Op == "cancel" {
			cancels.cancel(step.Target)
			out.write(map[string]any{"id": step.ID})
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancels.add(step.ID, cancel)
		running.Add(1)
		go func() {
			defer running.Done()
			answer, err := backend.run(ctx, step, out)
			cancels.cancel(step.ID)
			if answer == nil {
				answer = map[string]any{}
			}
			answer["id"] = step.ID
			if err != nil {
				answer["error"] = err.Error()
			}
			out.write(answer)
		}()
	}
	cancels.all()
	running.Wait()
}

// output writes one JSON value a line, from any goroutine.
type output struct {
	mutex   sync.Mutex
	encoder *json.Encoder
}

func (o *output) write(value any) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if err := o.encoder.Encode(value); err != nil {
		fmt.Fprintln(os.Stderr, "write:", err)
		os.Exit(1)
	}
}

// cancels ends steps that still run.
type cancels struct {
	mutex sync.Mutex
	byID  map[string]context.CancelFunc
}

func (c *cancels) add(id string, cancel context.CancelFunc) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.byID[id] = cancel
}

func (c *cancels) cancel(id string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if cancel, ok := c.byID[id]; ok {
		cancel()
		delete(c.byID, id)
	}
}

func (c *cancels) all() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, cancel := range c.byID {
		cancel()
	}
}
