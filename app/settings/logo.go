package settings

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/draw"
	"image/png"
)

// Bounds of a logo.
const (
	MaxLogoBytes  = 256 << 10
	MaxLogoPixels = 1024 // wide, and high
)

var pngSignature = []byte("\x89PNG\r\n\x1a\n")

// NormalLogo reads a PNG and writes it anew, so that nothing but the picture is kept: no text, no profile, no bytes after its
// end (WEB-15). Its size is known before anything is unpacked.
func NormalLogo(file []byte) ([]byte, *FieldError) {
	refused := func(p Problem) ([]byte, *FieldError) { return nil, &FieldError{Field: "logo", Problem: p} }
	if len(file) > MaxLogoBytes {
		return refused(ProblemLogoSize)
	}
	if !bytes.HasPrefix(file, pngSignature) {
		return refused(ProblemLogoFormat)
	}
	config, err := png.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return refused(ProblemLogoDamaged)
	}
	if config.Width > MaxLogoPixels || config.Height > MaxLogoPixels {
		return refused(ProblemLogoPixels)
	}
	picture, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		return refused(ProblemLogoDamaged)
	}
	// One kind of pixels, so that a picture of 16 bits a channel does not come out larger than it went in.
	plain := image.NewNRGBA(image.Rect(0, 0, config.Width, config.Height))
	draw.Draw(plain, plain.Bounds(), picture, picture.Bounds().Min, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, plain); err != nil {
		return refused(ProblemLogoDamaged)
	}
	if out.Len() > 2*MaxLogoBytes {
		return refused(ProblemLogoSize)
	}
	return out.Bytes(), nil
}

// LogoHash names a logo by what it holds, as [Settings].Logo does.
func LogoHash(png []byte) string {
	sum := sha256.Sum256(png)
	return hex.EncodeToString(sum[:8])
}
