package account

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // so that zones are known where the machine has no files of them
)

//go:embed time_zones.txt
var zoneNames string

// TimeZones gives the names that people choose from: the canonical zones of the IANA database (its zone.tab), and UTC last.
var TimeZones = sync.OnceValue(func() []string { return strings.Fields(zoneNames) })

// ParseTimeZone returns the zone of that name, nil for "", or an [InvalidError] for a name that is not of [TimeZones].
func ParseTimeZone(name string) (*time.Location, error) {
	if name == "" {
		return nil, nil
	}
	if !slices.Contains(TimeZones(), name) {
		return nil, &InvalidError{Field: "time_zone", Key: "time_zone.unknown"}
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, &InvalidError{Field: "time_zone", Key: "time_zone.unknown"}
	}
	return zone, nil
}
