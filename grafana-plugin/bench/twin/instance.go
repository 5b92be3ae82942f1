package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/httpclient"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
)

// maxRows bounds a query, as in the backend.
const maxRows = 100_000

// instance is what one data source's settings open.
type instance struct {
	control control
}

func newInstance(ctx context.Context, settings backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	var options struct {
		ControlURL string `json:"controlUrl"`
	}
	if err := json.Unmarshal(settings.JSONData, &options); err != nil {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	httpOptions, err := settings.HTTPClientOptions(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the settings: %w", err)
	}
	client, err := httpclient.New(httpOptions)
	if err != nil {
		return nil, fmt.Errorf("make the HTTP client: %w", err)
	}
	return &instance{control{
		url:    strings.TrimRight(options.ControlURL, "/"),
		token:  settings.DecryptedSecureJSONData["viewerToken"],
		client: client,
	}}, nil
}

// QueryData answers each query by itself.
func (i *instance) QueryData(ctx context.Context, request *backend.QueryDataRequest) (*backend.QueryDataResponse, error) {
	answer := backend.NewQueryDataResponse()
	for _, query := range request.Queries {
		answer.Responses[query.RefID] = i.query(ctx, query)
	}
	return answer, nil
}

func (i *instance) query(ctx context.Context, query backend.DataQuery) backend.DataResponse {
	var model struct {
		Kind    string   `json:"kind"`
		Symbols []string `json:"symbols"`
		Limit   int      `json:"limit"`
	}
	if err := json.Unmarshal(query.JSON, &model); err != nil {
		return backend.ErrDataResponse(backend.StatusBadRequest, "read the query: "+err.Error())
	}
	if model.Kind != "trades" || len(model.Symbols) != 1 || model.Limit < 1 {
		return backend.ErrDataResponse(backend.StatusBadRequest, "the twin answers trades of one symbol with a limit")
	}
	limit := min(model.Limit, maxRows)
	from, to := query.TimeRange.From.UnixMilli(), query.TimeRange.To.UnixMilli()+1
	found, err := i.control.trades(ctx, model.Symbols[0], from, to, limit)
	if err != nil {
		return backend.ErrDataResponse(backend.StatusBadGateway, err.Error())
	}
	frame, err := frameOf(query.RefID, found, limit)
	if err != nil {
		return backend.ErrDataResponse(backend.StatusInternal, err.Error())
	}
	return backend.DataResponse{Frames: frame, Status: backend.StatusOK}
}
