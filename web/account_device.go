package web

import (
	"cmp"

	"regrant/web/view"
)

// deviceWords is [deviceName], and for a header that says nothing an unknown device.
func deviceWords(t *view.Text, userAgent string) string {
	return cmp.Or(deviceName(t, userAgent), t.T("account.device.unknown"))
}
