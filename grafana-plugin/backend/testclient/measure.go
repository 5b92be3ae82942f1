package main

import (
	"context"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
)

// measure asks the same so often and tells each call's time, ms, decoding included as Grafana does it, and how many rows the first
// query's frames had in all calls together. The frames themselves are not told: printing many takes longer than asking for them.
func (l *launched) measure(ctx context.Context, s step) (map[string]any, error) {
	request := &pluginv2.QueryDataRequest{PluginContext: s.Settings.context(), Headers: s.Headers, Queries: s.dataQueries()}
	times := make([]float64, 0, s.Repeat)
	rows, failed := 0, ""
	for range s.Repeat {
		started := time.Now()
		answer, err := l.data.QueryData(ctx, request)
		if err != nil {
			return nil, err
		}
		response := answer.Responses[s.Queries[0].RefID]
		frames, err := data.UnmarshalArrowFrames(response.Frames)
		if err != nil {
			return nil, err
		}
		times = append(times, float64(time.Since(started).Nanoseconds())/1e6)
		for _, frame := range frames {
			rows += frame.Rows()
		}
		if response.Error != "" {
			failed = response.Error
		}
	}
	return map[string]any{"times": times, "rows": rows, "failed": failed}, nil
}
