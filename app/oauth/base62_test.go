package oauth

import (
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
)

func TestAChecksumIsSpelledAsANumberOfFourBytes(t *testing.T) {
	for _, s := range []string{"", "rgr1_", "rga1_0000", strings.Repeat("z", 200)} {
		sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s)))
		if got, want := checksum(s), encodeBase62(sum); got != want {
			t.Errorf("of %q: %s, want %s", s, got, want)
		}
	}
}
