package settings

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"regrant/app/audit"
	"regrant/app/oauth"
)

// Settings is all of them. The zero value of a field is what a new installation has; see [Default].
type Settings struct {
	Name          string                  // of the product or organisation, as pages show it; "": Regrant
	Accent        string                  // colour of buttons and links as #rrggbb; "": ours
	Logo          string                  // hash of the logo, "" for none; set by [Save]
	InviteDomains []string                // domains whose addresses may be invited, in lower case; none: any
	SignUp        SignUp                  // whether people make their accounts themselves
	Policy        oauth.Policy            // with which new clients begin
	SecondFactor  SecondFactor            // who has to show two factors at every sign-in
	Registration  oauth.RegistrationRules // of clients that register themselves
	Version       int64                   // raised by every change; 0: nothing was ever saved
}

// SignUp says who may make an account without being invited. Only the mailbox of the address proves that it is theirs, so it
// cannot be on where no mails are sent.
type SignUp struct {
	On      bool
	Domains []string // whose addresses may, in lower case; none: any
}

// May says whether an e-mail address may sign up.
func (s SignUp) May(email string) bool { return s.On && among(s.Domains, email) }

// SecondFactor says who has to show two factors to sign in, whatever an application asks for.
type SecondFactor string

// The rules.
const (
	SecondFactorNone     SecondFactor = "" // who has added one, and nobody else
	SecondFactorAdmins   SecondFactor = "admins"
	SecondFactorEveryone SecondFactor = "everyone"
)

// Covers reports whether the rule holds for somebody: privileged is who may see or do more than their own.
func (f SecondFactor) Covers(privileged bool) bool {
	return f == SecondFactorEveryone || f == SecondFactorAdmins && privileged
}

// String is the rule's name: "none" for none.
func (f SecondFactor) String() string {
	if f == SecondFactorNone {
		return "none"
	}
	return string(f)
}

// Default is what a new installation has.
func Default() Settings {
	policy, _ := oauth.PolicyOf(oauth.PresetStandard)
	return Settings{Policy: policy, Registration: oauth.DefaultRegistrationRules()}
}

// ErrChanged says that somebody else saved since the settings were read. Nothing was saved.
var ErrChanged = errors.New("settings: changed meanwhile")

// Store is what this package needs of a database. An error that is not one of this package's is a fault.
type Store interface {
	// SiteSettings gives what was saved last, [Default] if nothing was.
	SiteSettings(ctx context.Context) (Settings, error)
	// SaveSiteSettings replaces the settings and raises their version, and with logo not nil the logo too (empty: none), all at
	// once with the event; [ErrChanged] if s.Version is not the stored one. Of any number of callers with the same version one wins.
	SaveSiteSettings(ctx context.Context, s Settings, logo []byte, event audit.Event) error
	// Logo gives the logo as PNG, nil for none.
	Logo(ctx context.Context) ([]byte, error)
}

// Problem is what is wrong with a field.
type Problem string

// The problems.
const (
	ProblemName        Problem = "name"          // longer than 60 characters, or with characters that nobody sees
	ProblemAccent      Problem = "accent"        // not #rrggbb
	ProblemDomain      Problem = "domain"        // not a domain
	ProblemDomains     Problem = "domains"       // more than 100
	ProblemNoMail      Problem = "no_mail"       // needs mails, and none can be sent
	ProblemSecond      Problem = "second_factor" // none of the rules
	ProblemPolicy      Problem = "policy"        // Detail says what, as the policy does
	ProblemRules       Problem = "registration"  // a rule of registration is out of its bounds
	ProblemLogoSize    Problem = "logo_size"     // more than [MaxLogoBytes]
	ProblemLogoFormat  Problem = "logo_format"   // not a PNG
	ProblemLogoPixels  Problem = "logo_pixels"   // wider or higher than [MaxLogoPixels]
	ProblemLogoDamaged Problem = "logo_damaged"  // a PNG that cannot be read
)

// FieldError is what is wrong with one field, named as in forms: name, accent, logo, invite_domains, signup, signup_domains, that of the policy, or of the rules of registration.
type FieldError struct {
	Field   string
	Problem Problem
	Detail  string
}

// InvalidError is all that is wrong with settings that somebody wants to save.
type InvalidError []FieldError

// Error names the fields.
func (e InvalidError) Error() string {
	var names []string
	for _, f := range e {
		names = append(names, strings.TrimSuffix(f.Field+": "+string(f.Problem)+" "+f.Detail, " "))
	}
	return "settings: " + strings.Join(names, "; ")
}

const (
	maxName    = 60 // characters
	maxDomains = 100
)

var (
	accent = regexp.MustCompile(`^#[0-9a-f]{6}$`)
	domain = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// Clean gives the settings with what people typed in the one form in which it is kept.
func (s Settings) Clean() Settings {
	s.Name = strings.Join(strings.Fields(s.Name), " ")
	s.Accent = strings.ToLower(strings.TrimSpace(s.Accent))
	if s.Accent != "" && !strings.HasPrefix(s.Accent, "#") {
		s.Accent = "#" + s.Accent
	}
	s.InviteDomains, s.SignUp.Domains = cleanDomains(s.InviteDomains), cleanDomains(s.SignUp.Domains)
	return s
}

func cleanDomains(typed []string) (domains []string) {
	for _, d := range typed {
		d = strings.TrimPrefix(strings.ToLower(strings.TrimSpace(d)), "@")
		if d != "" && !slices.Contains(domains, d) {
			domains = append(domains, d)
		}
	}
	return domains
}

// Validate says all that is wrong, as an [InvalidError], or nil.
func (s Settings) Validate() error {
	var wrong InvalidError
	add := func(field string, p Problem, detail string) { wrong = append(wrong, FieldError{field, p, detail}) }
	unseen := func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.Is(unicode.Cf, r)
	}
	if utf8.RuneCountInString(s.Name) > maxName || !utf8.ValidString(s.Name) || strings.ContainsFunc(s.Name, unseen) {
		add("name", ProblemName, "")
	}
	if s.Accent != "" && !accent.MatchString(s.Accent) {
		add("accent", ProblemAccent, "")
	}
	for _, list := range []struct {
		field   string
		domains []string
	}{{"invite_domains", s.InviteDomains}, {"signup_domains", s.SignUp.Domains}} {
		if len(list.domains) > maxDomains {
			add(list.field, ProblemDomains, "")
		}
		for _, d := range list.domains {
			if len(d) > 253 || !domain.MatchString(d) {
				add(list.field, ProblemDomain, audit.Clean(d, 100))
				break
			}
		}
	}
	if f := s.SecondFactor; f != SecondFactorNone && f != SecondFactorAdmins && f != SecondFactorEveryone {
		add("second_factor", ProblemSecond, "")
	}
	// A public client is the strictest: what holds for it holds for every new one.
	if err := s.Policy.Validate(oauth.AuthNone, false); err != nil {
		field, detail, _ := strings.Cut(oauth.AsError(err).Description, ": ")
		add(field, ProblemPolicy, detail)
	}
	if err := s.Registration.Validate(); err != nil {
		field, detail, _ := strings.Cut(oauth.AsError(err).Description, ": ")
		add(field, ProblemRules, detail)
	}
	if wrong == nil {
		return nil
	}
	return wrong
}

// MayInvite says whether an e-mail address is of a domain that may be invited. The domain must match whole: a subdomain is
// another domain.
func (s Settings) MayInvite(email string) bool { return among(s.InviteDomains, email) }

// among says whether an address is of one of the domains, or of any where there are none.
func among(domains []string, email string) bool {
	if len(domains) == 0 {
		return true
	}
	at := strings.LastIndexByte(email, '@')
	return at >= 0 && slices.Contains(domains, strings.ToLower(email[at+1:]))
}

// LogoChange is what happens to the logo. The zero value leaves it.
type LogoChange struct {
	PNG    []byte // becomes the logo, after [NormalLogo]
	Remove bool
}

// Save replaces the settings. next.Version is that of the settings on which the change stands. Errors: [InvalidError],
// [ErrChanged]. It returns what is in force afterwards; without a difference nothing is written.
func Save(ctx context.Context, store Store, next Settings, logo LogoChange, now time.Time, by audit.Origin) (Settings, error) {
	before, err := store.SiteSettings(ctx)
	if err != nil {
		return next, err
	}
	next = next.Clean()
	next.Logo = before.Logo
	var wrong InvalidError
	if err := next.Validate(); err != nil && !errors.As(err, &wrong) {
		return next, err
	}
	var image []byte
	switch {
	case logo.Remove:
		image, next.Logo = []byte{}, ""
	case logo.PNG != nil:
		var bad *FieldError
		if image, bad = NormalLogo(logo.PNG); bad != nil {
			wrong = append(wrong, *bad)
		} else {
			next.Logo = LogoHash(image)
		}
	}
	if wrong != nil {
		return next, wrong
	}
	if before.Version != next.Version {
		return next, ErrChanged
	}
	detail := audit.Change(before.facts(), next.facts())
	if detail == "" {
		return before, nil
	}
	event := audit.Event{At: now, Kind: audit.SettingsChanged, Origin: by, Result: "ok", Detail: detail}
	if err := store.SaveSiteSettings(ctx, next, image, event); err != nil {
		return next, err
	}
	next.Version++
	return next, nil
}

// facts are what the audit log says of settings.
func (s Settings) facts() []string {
	p, rules := s.Policy, s.Registration
	return []string{
		"registration", string(rules.Mode), "registration_per_address", fmt.Sprint(rules.PerAddress), "registration_total", fmt.Sprint(rules.Total),
		"registration_unused", rules.Unused.String(), "registration_scope", rules.Scope.String(),
		"documents", strconv.FormatBool(rules.Documents.On), "documents_allow", strings.Join(rules.Documents.Allow, ","), "documents_deny", strings.Join(rules.Documents.Deny, ","),
		"documents_total", fmt.Sprint(rules.Documents.Total),
		"name", s.Name, "accent", s.Accent, "logo", s.Logo, "invite_domains", strings.Join(s.InviteDomains, ","),
		"signup", strconv.FormatBool(s.SignUp.On), "signup_domains", strings.Join(s.SignUp.Domains, ","), "second_factor", s.SecondFactor.String(),
		"policy", string(p.Preset), "refresh", string(p.Refresh), "grace", p.Grace.String(), "idle", p.Idle.String(), "absolute", p.Absolute.String(),
		"access_token_lifetime", p.AccessTokenLifetime.String(), "access_token_format", string(p.AccessTokenFormat), "id_token_alg", p.IDTokenAlg,
		"max_grants", fmt.Sprint(p.MaxGrants), "refresh_limit", fmt.Sprint(p.RefreshLimit), "on_reuse", string(p.OnReuse), "on_access_lost", string(p.OnAccessLost),
		"stale_generations", fmt.Sprint(p.StaleGenerations),
	}
}
