package oauth

import (
	"errors"
	"testing"
	"time"
)

func TestNumbersOfKeysBeginAgainAndSkipThoseInUse(t *testing.T) {
	d := dueKey{KeyToken, algHMACSHA256}
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	key := func(number int, age time.Duration) Key {
		return Key{Use: d.use, Algorithm: d.algorithm, Number: uint8(number), CreatedAt: at.Add(-age)}
	}
	for name, c := range map[string]struct {
		keys []Key
		want uint8
	}{
		"none":                      {nil, 1},
		"one":                       {[]Key{key(1, 0)}, 2},
		"the newest is not highest": {[]Key{key(9, time.Hour), key(3, 0)}, 4},
		"after 255 comes 1":         {[]Key{key(255, 0)}, 1},
		"1 and 2 are in use":        {[]Key{key(1, time.Hour), key(2, time.Hour), key(255, 0)}, 3},
		"of another use":            {[]Key{{Use: KeyAccess, Algorithm: algAES256GCM, Number: 7, CreatedAt: at}}, 1},
	} {
		if got, err := freeNumber(c.keys, d); got != c.want || err != nil {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
	var all []Key
	for n := 1; n <= 255; n++ {
		all = append(all, key(n, time.Duration(255-n)*time.Hour))
	}
	if n, err := freeNumber(all, d); !errors.Is(err, ErrNoKeyNumber) {
		t.Errorf("with all in use: %d, %v", n, err)
	}
}

func TestTheKeyOfATimeStaysTheSameWhateverIsAddedLater(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	key := func(id string, created, active time.Duration) Key {
		return Key{ID: id, Use: KeyDerive, Material: []byte(id), CreatedAt: at.Add(created), ActiveAt: at.Add(active)}
	}
	r := &keyRing{all: []Key{key("first", 0, 0), key("second", time.Hour, time.Hour+time.Minute), key("third", 2*time.Hour, 2*time.Hour+time.Minute)}}
	for moment, want := range map[time.Duration]string{
		-time.Hour: "first", 0: "first", time.Hour: "first", time.Hour + time.Minute - 1: "first",
		time.Hour + time.Minute: "second", 2 * time.Hour: "second", 2*time.Hour + time.Minute: "third", 1000 * time.Hour: "third",
	} {
		if got := string(r.deriveKeyAt(at.Add(moment))); got != want {
			t.Errorf("at %s: %s, want %s", moment, got, want)
		}
	}
	if (&keyRing{}).deriveKeyAt(at) != nil {
		t.Error("a lost key was found")
	}
}
