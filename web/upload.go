package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"regrant/app/settings"
)

const (
	maxUploadSize  = settings.MaxLogoBytes + maxFormSize // of a form with a file
	maxUploadParts = 100
)

// readUpload reads a form with one file, multipart/form-data (RFC 7578), whole and into memory, since it is small. The file, empty
// where none was chosen, is left in the request; its name and its type are the sender's word and count for nothing.
func readUpload(w http.ResponseWriter, r *http.Request) (url.Values, *formError) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/form-data" || params["boundary"] == "" {
		return readBody(w, r) // a form that was sent without its file
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxUploadSize)
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, badForm(http.StatusBadRequest, "The form is malformed.")
	}
	form, left := url.Values{}, maxFormSize
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return form, nil
		}
		if err != nil {
			return nil, badUpload(err)
		}
		if n == maxUploadParts {
			return nil, badForm(http.StatusBadRequest, "The form has too many fields.")
		}
		name := part.FormName()
		value, err := io.ReadAll(part)
		if err != nil {
			return nil, badUpload(err)
		}
		if isFile(part.Header.Get("Content-Disposition")) {
			if requestOf(r).file == nil {
				requestOf(r).file = value
			}
			continue
		}
		if left -= len(value); left < 0 {
			return nil, badForm(http.StatusRequestEntityTooLarge, "The fields are larger than 64 KiB.")
		}
		if text := string(value); name != "" && utf8.ValidString(name+text) && strings.IndexByte(name+text, 0) < 0 {
			form.Add(name, text)
			continue
		}
		return nil, badForm(http.StatusBadRequest, "The form is malformed.")
	}
}

func isFile(disposition string) bool {
	_, params, err := mime.ParseMediaType(disposition)
	if err != nil {
		return strings.Contains(disposition, "filename")
	}
	_, named := params["filename"]
	return named
}

func badUpload(err error) *formError {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return badForm(http.StatusRequestEntityTooLarge, "The file is larger than 256 KiB.")
	}
	return badForm(http.StatusBadRequest, "The form is malformed.")
}
