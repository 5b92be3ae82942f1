package main

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/grafana/grafana-plugin-sdk-go/backend/grpcplugin"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
)

// launched is a backend that runs, with the clients of its services.
type launched struct {
	client      *plugin.Client
	pid         int
	diagnostics grpcplugin.DiagnosticsClient
	resource    grpcplugin.ResourceClient
	data        grpcplugin.DataClient
	stream      grpcplugin.StreamClient
}

// launch starts the executable with the handshake, the protocol and the environment that Grafana gives it: none.
func launch(executable string) (*launched, error) {
	command := exec.Command(executable)
	command.Env = []string{}
	client := plugin.NewClient(&plugin.ClientConfig{
		Cmd: command,
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion:  grpcplugin.ProtocolVersion,
			MagicCookieKey:   grpcplugin.MagicCookieKey,
			MagicCookieValue: grpcplugin.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{grpcplugin.ProtocolVersion: {
			"diagnostics": &grpcplugin.DiagnosticsGRPCPlugin{},
			"resource":    &grpcplugin.ResourceGRPCPlugin{},
			"data":        &grpcplugin.DataGRPCPlugin{},
			"stream":      &grpcplugin.StreamGRPCPlugin{},
		}},
		SkipHostEnv:      true,
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		Logger:           hclog.New(&hclog.LoggerOptions{Output: os.Stderr, Level: hclog.Info, JSONFormat: true}),
	})
	protocol, err := client.Client()
	if err != nil {
		client.Kill()
		return nil, err
	}
	started := &launched{client: client, pid: command.Process.Pid}
	for name, assign := range map[string]func(any) bool{
		"diagnostics": func(raw any) (ok bool) { started.diagnostics, ok = raw.(grpcplugin.DiagnosticsClient); return },
		"resource":    func(raw any) (ok bool) { started.resource, ok = raw.(grpcplugin.ResourceClient); return },
		"data":        func(raw any) (ok bool) { started.data, ok = raw.(grpcplugin.DataClient); return },
		"stream":      func(raw any) (ok bool) { started.stream, ok = raw.(grpcplugin.StreamClient); return },
	} {
		raw, err := protocol.Dispense(name)
		if err != nil {
			client.Kill()
			return nil, err
		}
		if !assign(raw) {
			client.Kill()
			return nil, fmt.Errorf("%s is a %T", name, raw)
		}
	}
	return started, nil
}
