package service

import (
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

const unknownRevision = "unknown"

// version is the release. The linker sets it, which can set nothing but a variable:
// -ldflags "-X github.com/canton-exchange/suite/internal/service.version=v1".
var version = "development"

// Version is the release this program was built as, and the commit when the build knew it.
func Version() (release, revision string) {
	revision = unknownRevision

	if info, ok := debug.ReadBuildInfo(); ok {
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				revision = setting.Value
			}
		}
	}

	return version, revision
}

// NewRegistry is a metrics registry with what every program reports about itself.
func NewRegistry(program string) *prometheus.Registry {
	release, revision := Version()

	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "ces_build_info",
		Help:        "Always 1; its labels say which program and release this is.",
		ConstLabels: prometheus.Labels{"program": program, "version": release, "revision": revision},
	})
	build.Set(1)

	registry := prometheus.NewRegistry()
	registry.MustRegister(build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	return registry
}
