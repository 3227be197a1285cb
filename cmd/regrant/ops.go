package main

import (
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"regrant/web"
)

// newOpsServer serves what only operators may see (WEB-64), on an address of its own.
func newOpsServer(counters *web.Counters, log *slog.Logger) *http.Server {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), webCollector{counters})
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return &http.Server{
		Handler: mux, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeaderBytes,
		WriteTimeout: 5 * time.Minute, // a profile takes as long as it was asked to
		ErrorLog:     slog.NewLogLogger(quiet{log.Handler()}, slog.LevelWarn),
	}
}

// webCollector exports what the HTTP side has counted.
type webCollector struct{ counters *web.Counters }

var webMetrics = map[string]*prometheus.Desc{
	"requests":      prometheus.NewDesc("regrant_requests_total", "Requests answered.", []string{"status"}, nil),
	"tokens_issued": prometheus.NewDesc("regrant_tokens_issued_total", "Token responses given.", []string{"grant_type"}, nil),
	"refusals":      prometheus.NewDesc("regrant_refusals_total", "Errors told to clients.", []string{"error"}, nil),
}

// Describe implements [prometheus.Collector].
func (webCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range webMetrics {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c webCollector) Collect(ch chan<- prometheus.Metric) {
	c.counters.Each(func(name, label string, n int64) {
		if d := webMetrics[name]; d != nil {
			ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), label)
		}
	})
}
