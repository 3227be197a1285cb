package account

import (
	"testing"
	"time"
)

func TestEveryTimeZoneThatIsOfferedIsKnown(t *testing.T) {
	zones := TimeZones()
	if len(zones) < 400 {
		t.Fatalf("only %d zones", len(zones))
	}
	for _, name := range zones {
		if zone, err := ParseTimeZone(name); err != nil || zone == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"Local", "Mars/Phobos", "../UTC", "europe/berlin", "UTC "} {
		if zone, err := ParseTimeZone(name); err == nil {
			t.Errorf("%q is taken for %v", name, zone)
		}
	}
	if zone, err := ParseTimeZone(""); err != nil || zone != nil {
		t.Errorf("%v %v", zone, err)
	}
	berlin, err := ParseTimeZone("Europe/Berlin")
	if err != nil || time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).In(berlin).Format("15:04 MST") != "14:00 CEST" {
		t.Errorf("%v %v", berlin, err)
	}
}

func TestLanguagesAreTags(t *testing.T) {
	for s, want := range map[string]string{"": "", "de": "de", "DE": "de", "de-at": "de-AT", "en": "en"} {
		if got, err := ParseLanguage(s); err != nil || got != want {
			t.Errorf("%q: %q %v", s, got, err)
		}
	}
	for _, s := range []string{"no such one", "und", "<b>", "d"} {
		if got, err := ParseLanguage(s); err == nil {
			t.Errorf("%q is taken for %q", s, got)
		}
	}
}
