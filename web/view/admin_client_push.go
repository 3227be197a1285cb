package view

import (
	"context"
	"io"

	"github.com/a-h/templ"
)

// Each page is a templ.Component.
var _ = []templ.Component{AdminClientPush{}, AdminClientPushChange{}, AdminClientPushSecret{}, AdminClientPushMade{}}

// Render writes how a client is told of the end of its grants.
func (p AdminClientPush) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes that as a form.
func (p AdminClientPushChange) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes the question before a webhook gets another secret.
func (p AdminClientPushSecret) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}

// Render writes a new secret.
func (p AdminClientPushMade) Render(ctx context.Context, w io.Writer) error {
	return p.page().Render(ctx, w)
}
