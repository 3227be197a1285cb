package main

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestADurationInTheFileHasItsUnit(t *testing.T) {
	duration := reflect.TypeFor[time.Duration]()

	if err := fits("30s", duration); err != nil {
		t.Error(err)
	}
	if err := fits(int64(30), duration); err == nil || !strings.Contains(err.Error(), "unit") {
		t.Errorf("30 without a unit: %v", err)
	}
}

func TestLifetimesReadAsPeopleSayThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 10 * time.Second: "10s", 10 * time.Minute: "10m", 90 * time.Minute: "1h30m", time.Hour: "1h", 24 * time.Hour: "1 d",
		36 * time.Hour: "36h", 720 * time.Hour: "30 d", 100 * time.Second: "1m40s", time.Hour + 30*time.Second: "1h0m30s", 20 * time.Hour: "20h",
	} {
		if got := lifetime(d); got != want {
			t.Errorf("%d s is %q, want %q", d/time.Second, got, want)
		}
	}
}

func TestTheGreetingSaysOnlyWhatIsLeftToDo(t *testing.T) {
	const setup = "http://localhost:8080/setup/rgl1_ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	fresh := greeting("http://localhost:8080", "./regrant %s --db x.db", setup, true)
	for _, want := range []string{"http://localhost:8080\n", setup + "\n", "one hour", "http://localhost:8080/docs"} {
		if !strings.Contains(fresh, want) {
			t.Errorf("%q is missing in %s", want, fresh)
		}
	}

	started := greeting("http://localhost:8080", "./regrant %s --db x.db", "", true)
	for _, want := range []string{"./regrant client create --db x.db --name", "http://localhost:8080/admin"} {
		if !strings.Contains(started, want) {
			t.Errorf("%q is missing in %s", want, started)
		}
	}
	if strings.Contains(started, "/setup") {
		t.Errorf("there is an admin, but: %s", started)
	}

	settled := greeting("http://localhost:8080", "regrant %s", "", false)
	if strings.Contains(settled, "create") || strings.Contains(settled, "Next") {
		t.Errorf("nothing is left to do, but: %s", settled)
	}
}
