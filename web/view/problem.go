package view

// Problem is a usual case of trouble that a page tells of, by the keys of its words.
type Problem struct {
	title, message, next string
	home                 bool
}

// Page returns an error page with the words for the problem, in the language of the frame.
func (p Problem) Page(f Frame) ErrorPage {
	return ErrorPage{Frame: f, Title: f.Text.T(p.title), Message: f.Text.T(p.message), Next: f.Text.T(p.next), Home: p.home}
}

// The usual cases. Which status goes with one is the handler's to say.
var (
	// ProblemBadRequest is a request that makes no sense: malformed, too large, a parameter twice.
	ProblemBadRequest = Problem{"error.bad_request.title", "error.bad_request.message", "error.bad_request.next", false}
	// ProblemClient is an authorization request of a client that is unknown or disabled (RFC 6749 §4.1.2.1).
	ProblemClient = Problem{"error.client.title", "error.client.message", "error.client.next", false}
	// ProblemDocument is a client whose document at its client_id cannot be used (Client ID Metadata Document §4).
	ProblemDocument = Problem{"error.document.title", "error.document.message", "error.document.next", false}
	// ProblemDocumentAway is one whose document cannot be read at the moment; set RetryAfter.
	ProblemDocumentAway = Problem{"error.document_away.title", "error.document_away.message", "error.document_away.next", false}
	// ProblemRedirectURI is a redirect URI that is missing, malformed or not registered (RFC 6749 §4.1.2.1).
	ProblemRedirectURI = Problem{"error.redirect_uri.title", "error.redirect_uri.message", "error.redirect_uri.next", false}
	// ProblemExpired is an authorization request that is over, answered already, or begun in another browser.
	ProblemExpired = Problem{"error.expired.title", "error.expired.message", "error.expired.next", false}
	// ProblemCrossSite is a form that another site sent, or whose token is not of this session.
	ProblemCrossSite = Problem{"error.cross_site.title", "error.cross_site.message", "error.cross_site.next", false}
	// ProblemForbidden is a page for admins that somebody else asks for.
	ProblemForbidden = Problem{"error.forbidden.title", "error.forbidden.message", "error.forbidden.next", true}
	// ProblemReadOnly is an act, or a page that is there to act, that an auditor asks for.
	ProblemReadOnly = Problem{"error.read_only.title", "error.read_only.message", "error.read_only.next", false}
	// ProblemNotFound is a page that does not exist.
	ProblemNotFound = Problem{"error.not_found.title", "error.not_found.message", "error.not_found.next", true}
	// ProblemTooMany is more requests than allowed; set RetryAfter.
	ProblemTooMany = Problem{"error.too_many.title", "error.too_many.message", "error.too_many.next", false}
	// ProblemUnavailable is a fault that passes, as a busy or full store; set RetryAfter.
	ProblemUnavailable = Problem{"error.unavailable.title", "error.unavailable.message", "error.unavailable.next", false}
	// ProblemInternal is a fault of the server.
	ProblemInternal = Problem{"error.internal.title", "error.internal.message", "error.internal.next", false}
)
