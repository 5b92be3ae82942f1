// Command twin is the measure of the data source's backend: the same answer to the query `trades` of the same control API,
// written in Go with grafana-plugin-sdk-go as Grafana's own plugins are. The bench launches both by the same client. It
// knows one kind, no filters and no streams: it is compared, not installed.
package main

import (
	"os"

	"github.com/grafana/grafana-plugin-sdk-go/backend/datasource"
	"github.com/grafana/grafana-plugin-sdk-go/backend/log"
)

func main() {
	if err := datasource.Manage("candlewire-market-datasource", newInstance, datasource.ManageOpts{}); err != nil {
		log.DefaultLogger.Error(err.Error())
		os.Exit(1)
	}
}
