// Package view renders Regrant's pages. A page is a struct of values that are ready to be shown; it is a
// [templ.Component], so a handler fills it in and renders it:
//
//	view.Login{Frame: frame, ClientName: "Grafana", Request: id, FormToken: token}.Render(ctx, w)
//
// Pages know nothing of the application behind them: no clients, no grants, no queries. Every text comes from the
// message catalogue ([Catalogue]); every value is escaped by templ for the place where it stands. Nothing in a page is
// inline, neither script nor style, so that the policy "script-src 'self'; style-src 'self'" holds without exception,
// and every form works without JavaScript.
package view
