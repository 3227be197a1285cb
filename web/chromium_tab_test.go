package web_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/chromedp"
)

// What a person does in a tab. It looks at the page again and again until it shows what it should: a message to a page that is just
// going away may get no answer at all, so none is waited for without end.

const (
	answerTime = 20 * time.Second // for one answer of the browser
	pageTime   = 20 * time.Second // until a page shows what it should
)

// ask gives the browser's answer, or an error when it has none in time.
func ask[T any](ctx context.Context, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	return chromedp.Run(ctx, action)
}

// glance is what an expression says of a page that is whole, and "" of any other. It gives up soon, since it is asked again.
func (b *tab) glance(expression string) string {
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Second)
	defer cancel()
	said, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.readyState == "complete" ? String((`+expression+`) ?? "") : ""`))
	if err != nil {
		return ""
	}
	return said
}

// until looks until it holds, and fails with what the page shows instead.
func (b *tab) until(holds func() bool, what string) {
	b.t.Helper()
	for deadline := time.Now().Add(pageTime); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	b.t.Fatalf("not %s at %s", what, b.glance(`location.href + " " + document.body.innerText`))
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for _, step := range steps {
		if _, err := ask(b.ctx, step); err != nil {
			b.t.Fatalf("at %s: %v", b.glance("location.href"), err)
		}
	}
}

// open goes to an address. A browser that does not answer is asked once more.
func (b *tab) open(address string) {
	b.t.Helper()
	if _, err := ask(b.ctx, chromedp.Navigate(address)); err != nil {
		b.t.Logf("%s: %v", address, err)
		b.do(chromedp.Navigate(address))
	}
	b.reach("body")
}

// reach waits until the page, this one or one that follows, has an element.
func (b *tab) reach(selector string) {
	b.t.Helper()
	b.until(func() bool { return b.glance("document.querySelector(`"+selector+"`) != null") == "true" }, selector)
}

// arrive waits until the tab stands at an address that begins so, with this element, and gives the address.
func (b *tab) arrive(prefix, element string) string {
	b.t.Helper()
	if element == "" {
		element = "body"
	}
	at := ""
	b.until(func() bool {
		at = b.glance("document.querySelector(`" + element + "`) && location.href")
		return at != "" && strings.HasPrefix(at, prefix)
	}, prefix+" with "+element)
	return at
}

// inTheMiddle is where to press an element that shows, as "x y".
const inTheMiddle = `((element) => {
  if (!element) return "";
  element.scrollIntoView({ block: "center", behavior: "instant" });
  const box = element.getBoundingClientRect();
  if (!box.width || !box.height) return "";
  const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
  const top = document.elementFromPoint(x, y);
  const hit = [element, ...(element.labels ?? [])].some((e) => e.contains(top)) || top?.contains(element);
  return hit ? x + " " + y : "";
})`

// click presses an element with the mouse, once it stands still.
func (b *tab) click(selector string) {
	b.t.Helper()
	at := "?"
	b.until(func() bool {
		before := at
		at = b.glance(inTheMiddle + "(document.querySelector(`" + selector + "`))")
		return at != "" && at == before
	}, selector+" to press")
	var x, y float64
	if _, err := fmt.Sscan(at, &x, &y); err != nil {
		b.t.Fatal(err)
	}
	// What a press leads away from may not answer; the test sees where it led.
	if _, err := ask(b.ctx, chromedp.MouseClickXY(x, y)); err != nil {
		b.t.Logf("%s: %v", selector, err)
	}
}

// fill types into the fields of the page by their ids, over what is there.
func (b *tab) fill(fields ...string) {
	b.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		field := "document.querySelector(`#" + fields[i] + "`)"
		b.until(func() bool {
			return b.glance("("+field+"?.focus(), document.activeElement === "+field+") && ("+field+".value = ``, true)") == "true"
		}, fields[i]+" to type into")
		b.do(chromedp.KeyEvent(fields[i+1]))
		b.until(func() bool { return b.glance(field+"?.value") == fields[i+1] }, fields[i]+" with what was typed")
	}
}

// signIn fills in the sign-in form as a person does.
func (b *tab) signIn(email, password string) {
	b.t.Helper()
	b.fill("email", email, "password", password)
	b.click(`form[action$="/login"] button[type=submit]`)
}

// evaluate is what an expression says of the page. One that changes the page runs once.
func (b *tab) evaluate(expression string) string {
	b.t.Helper()
	b.until(func() bool { return b.glance(`"whole"`) != "" }, "a whole page")
	v, err := ask(b.ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}
