package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// demoTab is a browser, and what a person does in it. It looks at the page again and again until it shows what it should: a message to
// a page that is just going away may get no answer at all, so none is waited for without end.
type demoTab struct {
	t   *testing.T
	ctx context.Context
	axe string
}

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
func (b *demoTab) glance(expression string) string {
	ctx, cancel := context.WithTimeout(b.ctx, 2*time.Second)
	defer cancel()
	said, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.readyState == "complete" ? String((`+expression+`) ?? "") : ""`))
	if err != nil {
		return ""
	}
	return said
}

// until looks until it holds, and fails with what the page shows instead.
func (b *demoTab) until(holds func() bool, what string) {
	b.t.Helper()
	for deadline := time.Now().Add(pageTime); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if holds() {
			return
		}
	}
	b.t.Fatalf("not %s at %s", what, b.glance(`location.href + " " + document.body.innerText`))
}

func (b *demoTab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for _, step := range steps {
		if _, err := ask(b.ctx, step); err != nil {
			b.t.Fatalf("at %s: %v", b.glance("location.href"), err)
		}
	}
}

// open goes to an address. A browser that does not answer is asked once more.
func (b *demoTab) open(address string) {
	b.t.Helper()
	if _, err := ask(b.ctx, chromedp.Navigate(address)); err != nil {
		b.t.Logf("%s: %v", address, err)
		b.do(chromedp.Navigate(address))
	}
}

// text is what an expression says of the page. One that changes the page runs once.
func (b *demoTab) text(expression string) string {
	b.t.Helper()
	b.until(func() bool { return b.glance(`"whole"`) != "" }, "a whole page")
	text, err := ask(b.ctx, chromedp.Evaluate[string](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return text
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
func (b *demoTab) click(selector string) {
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

// fill types into a field.
func (b *demoTab) fill(selector, text string) {
	b.t.Helper()
	field := "document.querySelector(`" + selector + "`)"
	b.until(func() bool { return b.glance("("+field+"?.focus(), document.activeElement === "+field+")") == "true" }, selector+" to type into")
	b.do(chromedp.KeyEvent(text))
	b.until(func() bool { return strings.HasSuffix(b.glance(field+"?.value"), text) }, selector+" with what was typed")
}

// reach waits until the page, this one or one that follows, has an element.
func (b *demoTab) reach(selector string) {
	b.t.Helper()
	b.until(func() bool { return b.glance("document.querySelector(`"+selector+"`) != null") == "true" }, selector)
}

// arrive waits until the browser is at an address and has shown its page.
func (b *demoTab) arrive(address string) {
	b.t.Helper()
	b.until(func() bool { return b.glance("location.href") == address }, address)
}

// await waits until the page shows a scene of the demo.
func (b *demoTab) await(title string) {
	b.t.Helper()
	b.until(func() bool { return b.glance(`document.getElementById("scene-title")?.textContent`) == title }, title)
}

// eventually loads the page again until it holds: what is written behind is there within seconds.
func (b *demoTab) eventually(holds func() bool, what string) {
	b.t.Helper()
	for deadline := time.Now().Add(pageTime); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if holds() {
			return
		}
		if _, err := ask(b.ctx, chromedp.Reload()); err != nil {
			b.t.Logf("reload: %v", err)
		}
	}
	b.t.Fatalf("not %s: %s", what, b.glance(`document.querySelector("main").innerText`))
}

// awaitText waits until the page shows a text somewhere.
func (b *demoTab) awaitText(selector, text string) {
	b.t.Helper()
	b.eventually(func() bool {
		return strings.Contains(b.glance("[...document.querySelectorAll(`"+selector+"`)].map((e) => e.innerText).join(`\\n`)"), text)
	}, selector+" with "+text)
}

// count is how many elements begin with a text; -1 between two pages.
func (b *demoTab) count(selector, text string) int {
	b.t.Helper()
	n := -1
	_, _ = fmt.Sscan(b.glance("[...document.querySelectorAll(`"+selector+"`)].filter((e) => e.innerText.startsWith(`"+text+"`)).length"), &n) // "" leaves it
	return n
}
