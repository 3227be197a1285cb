package web

import (
	"fmt"
	"strings"

	"github.com/boombuler/barcode/qr"

	"regrant/app/account"
	"regrant/web/view"
)

// totpSetUp is what the page of an authenticator app shows: the secret as a picture and as text.
func totpSetUp(app account.TOTPEnrolment, problem string) (view.TOTPSetUp, error) {
	code, err := drawQR(app.URL)
	if err != nil {
		return view.TOTPSetUp{}, err
	}
	return view.TOTPSetUp{QR: code, Secret: groups(app.Secret), URL: app.URL, Sealed: app.Sealed, Error: problem}, nil
}

// groups divides a secret into groups of four, which people type without getting lost.
func groups(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i += 4 {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(strings.ToLower(s[i:min(i+4, len(s))]))
	}
	return b.String()
}

// drawQR draws text as the path of an SVG: a rectangle one module high for each run of dark modules. Around it is the light margin of
// four modules that ISO/IEC 18004 asks for.
func drawQR(text string) (view.QRCode, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return view.QRCode{}, fmt.Errorf("draw a QR code: %w", err)
	}
	const margin = 4
	size := code.Bounds().Dx()
	dark := func(x, y int) bool {
		if x >= size {
			return false
		}
		r, _, _, _ := code.At(x, y).RGBA()
		return r == 0
	}
	var path strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			begin := x
			for dark(x, y) {
				x++
			}
			if x > begin {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", begin+margin, y+margin, x-begin, x-begin)
			}
		}
	}
	return view.QRCode{Size: size + 2*margin, Path: path.String()}, nil
}
