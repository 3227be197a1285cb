package settings_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"testing"

	"regrant/app/settings"
)

// picture is a PNG of that size.
func picture(t testing.TB, width, height int) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.Set(x, y, color.NRGBA{uint8(x), uint8(y), 120, 200})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// chunk is one chunk of a PNG.
func chunk(kind string, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(b, kind...)
	b = append(b, data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// header is a PNG up to its pixels, of the size that it says.
func header(width, height uint32) []byte {
	ihdr := binary.BigEndian.AppendUint32(nil, width)
	ihdr = binary.BigEndian.AppendUint32(ihdr, height)
	return append([]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(ihdr, 8, 0, 0, 0, 0))...)
}

// bomb is a small PNG of very many pixels.
func bomb(t *testing.T, width, height uint32) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	if _, err := io.CopyN(w, zeros{}, int64(width+1)*int64(height)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	return append(append(header(width, height), chunk("IDAT", packed.Bytes())...), chunk("IEND", nil)...)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestWEB_15_OnlyThePictureOfAPNGIsKept(t *testing.T) {
	const secret = "<script>alert(1)</script>"
	plain := picture(t, 30, 10)
	end := len(plain) - 12 // the IEND chunk
	dirty := append(append(append([]byte{}, plain[:end]...), chunk("tEXt", []byte("Comment\x00"+secret))...), plain[end:]...)
	dirty = append(dirty, secret...)

	kept, bad := settings.NormalLogo(dirty)

	if bad != nil {
		t.Fatal(bad)
	}
	if bytes.Contains(kept, []byte("script")) || bytes.Contains(kept, []byte("tEXt")) {
		t.Error("what is no picture is still there")
	}
	m, err := png.Decode(bytes.NewReader(kept))
	if err != nil || m.Bounds().Dx() != 30 || m.Bounds().Dy() != 10 {
		t.Fatal(m, err)
	}
	if got := color.NRGBAModel.Convert(m.At(7, 3)); got != (color.NRGBA{7, 3, 120, 200}) {
		t.Error(got)
	}
	if again, _ := settings.NormalLogo(kept); !bytes.Equal(again, kept) {
		t.Error("a second pass changes it")
	}
}

func TestWEB_15_WhatIsNoLogoIsRefused(t *testing.T) {
	noise := image.NewNRGBA(image.Rect(0, 0, 300, 300))
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(noise.Pix)
	var large, photo bytes.Buffer
	if err := png.Encode(&large, noise); err != nil {
		t.Fatal(err)
	}
	if err := jpeg.Encode(&photo, noise, nil); err != nil {
		t.Fatal(err)
	}
	half := picture(t, 50, 50)
	half = half[:len(half)/2]
	for name, c := range map[string]struct {
		file []byte
		want settings.Problem
	}{
		"nothing":                     {[]byte{}, settings.ProblemLogoFormat},
		"SVG":                         {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`), settings.ProblemLogoFormat},
		"HTML":                        {[]byte("<!DOCTYPE html><script>alert(1)</script>"), settings.ProblemLogoFormat},
		"JPEG":                        {photo.Bytes(), settings.ProblemLogoFormat},
		"GIF":                         {[]byte("GIF89a\x01\x00\x01\x00"), settings.ProblemLogoFormat},
		"HTML behind a signature":     {[]byte("\x89PNG\r\n\x1a\n<script>alert(1)</script>"), settings.ProblemLogoDamaged},
		"half a PNG":                  {half, settings.ProblemLogoDamaged},
		"too many bytes":              {large.Bytes(), settings.ProblemLogoSize},
		"too wide":                    {picture(t, settings.MaxLogoPixels+1, 2), settings.ProblemLogoPixels},
		"a bomb":                      {bomb(t, 12_000, 12_000), settings.ProblemLogoPixels},
		"a header that says billions": {append(header(1<<31-1, 1<<31-1), chunk("IEND", nil)...), settings.ProblemLogoDamaged},
		"a header without pixels":     {append(header(100, 100), chunk("IEND", nil)...), settings.ProblemLogoDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			_, bad := settings.NormalLogo(c.file)
			if bad == nil || bad.Problem != c.want || bad.Field != "logo" {
				t.Errorf("got %+v, want %s (of %d bytes)", bad, c.want, len(c.file))
			}
		})
	}
	if _, bad := settings.NormalLogo(picture(t, settings.MaxLogoPixels, 20)); bad != nil {
		t.Error("the largest is refused: ", bad)
	}
}

func FuzzNormalLogo(f *testing.F) {
	f.Add(picture(f, 3, 3))
	f.Add([]byte("\x89PNG\r\n\x1a\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		kept, bad := settings.NormalLogo(file)
		if (kept == nil) == (bad == nil) {
			t.Fatal("neither or both")
		}
		if bad == nil {
			if _, err := png.Decode(bytes.NewReader(kept)); err != nil {
				t.Fatal(err)
			}
		}
	})
}
