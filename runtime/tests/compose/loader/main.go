// Command loader reads compose files with Compose's own library, as `docker compose config` does: interpolation, merging,
// profiles, the specification's schema and its consistency rules. It prints the project as JSON.
//
//	loader [-env FILE]... [-profile NAME]... FILE...
//
// Variables come from the -env files and from the COMPOSE_TEST_* free environment of the caller; exits 1 with Compose's message.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

type texts []string

func (t *texts) String() string         { return fmt.Sprint([]string(*t)) }
func (t *texts) Set(value string) error { *t = append(*t, value); return nil }

func main() {
	var envFiles, profiles texts
	flag.Var(&envFiles, "env", "file of variables, repeatable; later ones win")
	flag.Var(&profiles, "profile", "profile to enable, repeatable")
	flag.Parse()
	if err := run(flag.Args(), envFiles, profiles); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// The order of the options is that of Compose's own command.
func run(files, envFiles, profiles []string) error {
	options, err := cli.NewProjectOptions(
		files,
		cli.WithOsEnv,
		cli.WithEnvFiles(envFiles...),
		cli.WithDotEnv,
		cli.WithDefaultProfiles(profiles...),
	)
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	return out.Encode(map[string]any{"name": project.Name, "project": project})
}
