package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"
)

// frameOf is the frame that the backend makes of the same rows, to the last byte that a reader sees: nullable columns, oldest first,
// metadata and notices. The values behind the pointers lie in one array a column, which is as fast as Go has it.
func frameOf(refID string, found trades, limit int) (data.Frames, error) {
	length := len(found.rows)
	var (
		times      = newColumn[time.Time](length)
		symbols    = newColumn[string](length)
		ids        = newColumn[int64](length)
		prices     = newColumn[float64](length)
		quantities = newColumn[float64](length)
		makers     = newColumn[bool](length)
		backfills  = newColumn[bool](length)
		priceTexts = newColumn[string](length)
		texts      = newColumn[string](length)
	)
	for at := range found.rows {
		row := &found.rows[length-1-at]
		price, err := strconv.ParseFloat(row.Price, 64)
		if err != nil {
			return nil, fmt.Errorf("read the price of trade %d: %w", row.TradeID, err)
		}
		quantity, err := strconv.ParseFloat(row.Quantity, 64)
		if err != nil {
			return nil, fmt.Errorf("read the quantity of trade %d: %w", row.TradeID, err)
		}
		times.set(at, time.UnixMilli(row.TradeTime).UTC())
		symbols.set(at, row.Symbol)
		ids.set(at, row.TradeID)
		prices.set(at, price)
		quantities.set(at, quantity)
		makers.set(at, row.IsBuyerMaker)
		backfills.set(at, row.Backfill)
		priceTexts.set(at, row.Price)
		texts.set(at, row.Quantity)
	}
	frame := data.NewFrame("trades",
		data.NewField("time", nil, times.pointers), data.NewField("symbol", nil, symbols.pointers),
		data.NewField("trade_id", nil, ids.pointers), data.NewField("price", nil, prices.pointers),
		data.NewField("quantity", nil, quantities.pointers), data.NewField("is_buyer_maker", nil, makers.pointers),
		data.NewField("backfill", nil, backfills.pointers), data.NewField("price_text", nil, priceTexts.pointers),
		data.NewField("quantity_text", nil, texts.pointers))
	frame.RefID = refID
	frame.Meta = &data.FrameMeta{
		Type:        data.FrameTypeTable,
		TypeVersion: data.FrameTypeVersion{0, 1},
		Custom:      map[string]any{"simulated": found.simulated, "origin": found.origin, "source": "control"},
	}
	if found.simulated {
		frame.AppendNotices(data.Notice{Severity: data.NoticeSeverityInfo, Text: "SIMULATED: " + found.origin.Label})
	}
	if found.more {
		frame.AppendNotices(data.Notice{Severity: data.NoticeSeverityWarning, Text: fmt.Sprintf(
			"There are more rows than the limit of %d rows let through: the newest are shown, older ones left out", limit)})
	}
	return data.Frames{frame}, nil
}

// column holds values and, as nullable fields want them, pointers to them.
type column[T any] struct {
	values   []T
	pointers []*T
}

func newColumn[T any](length int) column[T] {
	return column[T]{values: make([]T, length), pointers: make([]*T, length)}
}

func (c column[T]) set(at int, value T) {
	c.values[at] = value
	c.pointers[at] = &c.values[at]
}
