package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
	"github.com/grafana/grafana-plugin-sdk-go/genproto/pluginv2"
)

// step is one thing to do; which members it needs depends on its op.
type step struct {
	ID       string            `json:"id"`
	Op       string            `json:"op"`
	Settings settings          `json:"settings"`
	Queries  []query           `json:"queries"`
	Headers  map[string]string `json:"headers"`
	Path     string            `json:"path"`
	URL      string            `json:"url"`
	Method   string            `json:"method"`
	// Repeat asks the same so often and tells the times; only the last answer is told.
	Repeat int `json:"repeat"`
	// Target is the step to cancel.
	Target string `json:"target"`
	// Packets ends a stream after so many; 0: it is cancelled.
	Packets int `json:"packets"`
}

type settings struct {
	UID       string            `json:"uid"`
	JSONData  json.RawMessage   `json:"jsonData"`
	Secure    map[string]string `json:"secure"`
	UpdatedMS int64             `json:"updatedMs"`
}

type query struct {
	RefID      string          `json:"refId"`
	From       int64           `json:"from"`
	To         int64           `json:"to"`
	IntervalMS int64           `json:"intervalMs"`
	Model      json.RawMessage `json:"model"`
}

func (s settings) context() *pluginv2.PluginContext {
	return &pluginv2.PluginContext{
		OrgId:    1,
		PluginId: "candlewire-market-datasource",
		User:     &pluginv2.User{Login: "tester", Role: "Viewer"},
		DataSourceInstanceSettings: &pluginv2.DataSourceInstanceSettings{
			Id:                      1,
			Uid:                     s.UID,
			Name:                    "Candlewire market",
			JsonData:                s.JSONData,
			DecryptedSecureJsonData: s.Secure,
			LastUpdatedMS:           s.UpdatedMS,
		},
	}
}

func (s step) dataQueries() []*pluginv2.DataQuery {
	queries := make([]*pluginv2.DataQuery, len(s.Queries))
	for i, q := range s.Queries {
		queries[i] = &pluginv2.DataQuery{
			RefId: q.RefID, MaxDataPoints: 1000, IntervalMS: q.IntervalMS, Json: q.Model,
			TimeRange: &pluginv2.TimeRange{FromEpochMS: q.From, ToEpochMS: q.To},
		}
	}
	return queries
}

// run does a step; packets of a stream are written as they come.
func (l *launched) run(ctx context.Context, s step, out *output) (map[string]any, error) {
	switch s.Op {
	case "health":
		answer, err := l.diagnostics.CheckHealth(ctx, &pluginv2.CheckHealthRequest{PluginContext: s.Settings.context()})
		if err != nil {
			return nil, err
		}
		return map[string]any{"status": answer.Status.String(), "message": answer.Message, "details": json.RawMessage(answer.JsonDetails)}, nil
	case "metrics":
		answer, err := l.diagnostics.CollectMetrics(ctx, &pluginv2.CollectMetricsRequest{PluginContext: s.Settings.context()})
		if err != nil {
			return nil, err
		}
		return map[string]any{"text": string(answer.Metrics.Prometheus)}, nil
	case "query":
		return l.query(ctx, s)
	case "measure":
		return l.measure(ctx, s)
	case "chunked":
		return l.chunked(ctx, s)
	case "resource":
		return l.callResource(ctx, s)
	case "subscribe":
		answer, err := l.stream.SubscribeStream(ctx, &pluginv2.SubscribeStreamRequest{PluginContext: s.Settings.context(), Path: s.Path})
		if err != nil {
			return nil, err
		}
		return map[string]any{"status": answer.Status.String()}, nil
	case "publish":
		answer, err := l.stream.PublishStream(ctx, &pluginv2.PublishStreamRequest{PluginContext: s.Settings.context(), Path: s.Path})
		if err != nil {
			return nil, err
		}
		return map[string]any{"status": answer.Status.String()}, nil
	case "stream":
		return l.runStream(ctx, s, out)
	case "ping":
		protocol, err := l.client.Client()
		if err != nil {
			return nil, err
		}
		return nil, protocol.Ping()
	case "kill":
		l.client.Kill()
		return map[string]any{"exited": l.client.Exited()}, nil
	default:
		return nil, fmt.Errorf("there is no step %q", s.Op)
	}
}

func (l *launched) query(ctx context.Context, s step) (map[string]any, error) {
	request := &pluginv2.QueryDataRequest{PluginContext: s.Settings.context(), Headers: s.Headers, Queries: s.dataQueries()}
	var answer *pluginv2.QueryDataResponse
	times := []float64{}
	for i := 0; i < max(1, s.Repeat); i++ {
		started := time.Now()
		var err error
		if answer, err = l.data.QueryData(ctx, request); err != nil {
			return nil, err
		}
		if s.Repeat > 0 {
			// As Grafana does with every answer.
			for _, response := range answer.Responses {
				if _, err := data.UnmarshalArrowFrames(response.Frames); err != nil {
					return nil, err
				}
			}
		}
		times = append(times, float64(time.Since(started).Microseconds())/1000)
	}
	responses := map[string]any{}
	for refID, response := range answer.Responses {
		frames, err := data.UnmarshalArrowFrames(response.Frames)
		if err != nil {
			return nil, fmt.Errorf("decode %s: %w", refID, err)
		}
		responses[refID] = map[string]any{"status": response.Status, "error": response.Error, "errorSource": response.ErrorSource, "frames": frames}
	}
	sort.Float64s(times)
	return map[string]any{"responses": responses, "p50": times[len(times)/2], "p99": times[len(times)*99/100]}, nil
}

func (l *launched) chunked(ctx context.Context, s step) (map[string]any, error) {
	stream, err := l.data.QueryChunkedData(ctx, &pluginv2.QueryChunkedDataRequest{PluginContext: s.Settings.context(), Queries: s.dataQueries()})
	if err != nil {
		return nil, err
	}
	chunks := []map[string]any{}
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return map[string]any{"chunks": chunks}, nil
		}
		if err != nil {
			return nil, err
		}
		told := map[string]any{"refId": chunk.RefId, "status": chunk.Status, "error": chunk.Error}
		if len(chunk.Frame) > 0 {
			frame, err := data.UnmarshalArrowFrame(chunk.Frame)
			if err != nil {
				return nil, err
			}
			told["frame"] = frame
		}
		chunks = append(chunks, told)
	}
}

func (l *launched) callResource(ctx context.Context, s step) (map[string]any, error) {
	stream, err := l.resource.CallResource(ctx, &pluginv2.CallResourceRequest{
		PluginContext: s.Settings.context(), Path: s.Path, Method: s.Method, Url: s.URL,
	})
	if err != nil {
		return nil, err
	}
	answer, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the answer goes on: %v", err)
	}
	return map[string]any{"code": answer.Code, "body": json.RawMessage(answer.Body)}, nil
}

func (l *launched) runStream(ctx context.Context, s step, out *output) (map[string]any, error) {
	stream, err := l.stream.RunStream(ctx, &pluginv2.RunStreamRequest{PluginContext: s.Settings.context(), Path: s.Path})
	if err != nil {
		return nil, err
	}
	packets := 0
	for {
		packet, err := stream.Recv()
		if err != nil {
			if ctx.Err() != nil {
				return map[string]any{"packets": packets, "cancelled": true}, nil
			}
			return map[string]any{"packets": packets}, err
		}
		// Each packet must be a frame that the SDK reads.
		frame := &data.Frame{}
		if err := json.Unmarshal(packet.Data, frame); err != nil {
			return nil, fmt.Errorf("decode packet: %w", err)
		}
		packets++
		out.write(map[string]any{"packet": s.ID, "at": time.Now().UnixMicro(), "frame": frame})
		if s.Packets > 0 && packets >= s.Packets {
			return map[string]any{"packets": packets}, nil
		}
	}
}
