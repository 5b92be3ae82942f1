package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// pageRows is how many rows the control API gives at once.
const pageRows = 5000

// trade is a row of the control API; prices and quantities are exact text, the time is epoch ms.
type trade struct {
	Symbol       string `json:"symbol"`
	TradeID      int64  `json:"trade_id"`
	Price        string `json:"price"`
	Quantity     string `json:"quantity"`
	TradeTime    int64  `json:"trade_time"`
	IsBuyerMaker bool   `json:"is_buyer_maker"`
	Backfill     bool   `json:"backfill"`
}

// origin says whose numbers an answer holds.
type origin struct {
	Kind  string `json:"kind"`
	ID    string `json:"id"`
	Label string `json:"label"`
}

// page is an answer of the control API.
type page struct {
	Origin    origin  `json:"origin"`
	Simulated bool    `json:"simulated"`
	Rows      []trade `json:"rows"`
	Next      *string `json:"next"`
}

// trades are the newest rows of a symbol, newest first, with what is to be known of them.
type trades struct {
	rows      []trade
	more      bool
	origin    origin
	simulated bool
}

// control asks the control API with the viewer's token.
type control struct {
	url    string
	token  string
	client *http.Client
}

// trades reads pages until there are limit rows or no more. from is inclusive, to exclusive, epoch ms.
func (c *control) trades(ctx context.Context, symbol string, from, to int64, limit int) (trades, error) {
	found := trades{rows: make([]trade, 0, limit)}
	cursor := ""
	for {
		next, err := c.page(ctx, symbol, from, to, limit-len(found.rows), cursor)
		if err != nil {
			return found, err
		}
		found.origin, found.simulated = next.Origin, next.Simulated
		found.rows = append(found.rows, next.Rows...)
		if next.Next == nil || len(found.rows) >= limit {
			found.more = next.Next != nil
			return found, nil
		}
		cursor = *next.Next
	}
}

func (c *control) page(ctx context.Context, symbol string, from, to int64, limit int, cursor string) (page, error) {
	query := url.Values{
		"symbol": {symbol}, "from": {strconv.FormatInt(from, 10)}, "to": {strconv.FormatInt(to, 10)},
		"limit": {strconv.Itoa(min(limit, pageRows))}, "order": {"desc"},
	}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+"/api/v1/market/trades?"+query.Encode(), nil)
	if err != nil {
		return page{}, err
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.client.Do(request)
	if err != nil {
		return page{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return page{}, fmt.Errorf("ask the control API: status %d", response.StatusCode)
	}
	answer := page{}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return page{}, fmt.Errorf("read the control API's answer: %w", err)
	}
	return answer, nil
}
