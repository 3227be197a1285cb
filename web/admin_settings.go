package web

import (
	"errors"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"regrant/app/oauth"
	"regrant/app/settings"
	"regrant/web/view"
)

// Setting is one thing that the process was told at its start.
type Setting struct {
	Name   string // of the flag
	Value  string // never a secret
	Source string // flag, environment, file or default
}

// adminSettings shows and changes what the organisation decides for its installation.
func (s *Server) adminSettings(area *adminArea) {
	area.upload("/admin/settings", s.showSettings, s.changeSettings)
	area.act("/admin/settings/test-mail", s.sendTestMail)
}

// upload is a form whose act takes a file.
func (area *adminArea) upload(path string, show, act adminHandler) {
	area.methodsOf(path, show, act, area.s.readers, area.s.ownUpload)
}

// showSettings shows what is in force. A preset in the address fills the policy with its values.
func (s *Server) showSettings(w http.ResponseWriter, r *http.Request, a *admin) {
	now, err := s.store.SiteSettings(r.Context())
	if err != nil {
		s.unavailable(w, r, "read the settings", err)
		return
	}
	f := settingsForm{Settings: now, policy: policyForm{policyValues(now.Policy), nil}}
	if preset, ok := oauth.PolicyOf(oauth.Preset(r.URL.Query().Get("preset"))); ok {
		f.policy.Values = policyValues(preset)
		f.unsaved = policyText(preset) != policyText(now.Policy)
	}
	s.writeSettings(w, r, a, http.StatusOK, f)
}

// settingsForm is the form as it was filled in.
type settingsForm struct {
	settings.Settings
	domains string // as typed
	signUp  string // the domains that may sign up, as typed
	policy  policyForm
	errors  map[string]string
	problem string
	prove   bool // a fresh proof of who the admin is, is missing
	preview bool
	unsaved bool
}

// changeSettings saves the form, or shows what it would look like.
func (s *Server) changeSettings(w http.ResponseWriter, r *http.Request, a *admin) {
	now, err := s.store.SiteSettings(r.Context())
	if err != nil {
		s.unavailable(w, r, "read the settings", err)
		return
	}
	t := s.frame(r).Text
	form := r.PostForm
	f := settingsForm{Settings: now, domains: form.Get("invite_domains"), errors: map[string]string{}}
	f.Name, f.Accent, f.InviteDomains = form.Get("name"), form.Get("accent"), strings.FieldsFunc(f.domains, betweenDomains)
	f.signUp = form.Get("signup_domains")
	f.SignUp = settings.SignUp{On: form.Get("signup") == "on", Domains: strings.FieldsFunc(f.signUp, betweenDomains)}
	switch rule := form.Get("second_factor"); rule {
	case "": // a form without the choice
	case settings.SecondFactorNone.String():
		f.SecondFactor = settings.SecondFactorNone
	default:
		f.SecondFactor = settings.SecondFactor(rule)
	}
	f.Version, _ = strconv.ParseInt(form.Get("version"), 10, 64) // what is no number is no version either, and refused below
	f.Policy, f.policy = readPolicy(t, form, &oauth.Client{AuthMethod: oauth.AuthNone, Policy: now.Policy})
	logo := settings.LogoChange{PNG: requestOf(r).file, Remove: form.Get("remove_logo") == "on"}
	if len(logo.PNG) == 0 {
		logo.PNG = nil
	}
	if form.Get("action") == "preview" {
		f.preview, f.unsaved = true, true
		var wrong settings.InvalidError
		if errors.As(f.Settings.Clean().Validate(), &wrong) {
			f.say(t, wrong)
		}
		if logo.PNG != nil {
			f.problem = t.T("admin.settings.logo_again")
		}
		s.writeSettings(w, r, a, http.StatusOK, f)
		return
	}
	if len(f.policy.errors) > 0 {
		f.Policy = now.Policy // the rest is still checked
	}
	var wrong settings.InvalidError
	switch err := f.check(logo, s.cfg.Mail.Open()); {
	case errors.As(err, &wrong):
		f.say(t, wrong)
	case len(f.policy.errors) == 0 && !a.Fresh:
		f.problem, f.prove = t.T("admin.settings.not_fresh"), true
		s.writeSettings(w, r, a, http.StatusForbidden, f)
		return
	case len(f.policy.errors) == 0:
		_, err = settings.Save(r.Context(), s.store, f.Settings, logo, s.now(), s.byAdmin(r, a))
		switch {
		case errors.As(err, &wrong):
			f.say(t, wrong)
		case errors.Is(err, settings.ErrChanged):
			f.problem, f.Version = t.T("admin.settings.changed_meanwhile"), now.Version
			s.writeSettings(w, r, a, http.StatusConflict, f)
			return
		case err != nil:
			s.unavailable(w, r, "save the settings", err)
			return
		default:
			s.site.forget()
			s.done(w, r, "/admin/settings", "done.settings_saved")
			return
		}
	}
	f.problem = t.T("admin.settings.problems")
	s.writeSettings(w, r, a, http.StatusUnprocessableEntity, f)
}

// betweenDomains says what divides one domain from the next.
func betweenDomains(r rune) bool { return strings.ContainsRune(" ,;\r\n\t", r) }

// check says what is wrong with what was typed, so that all of it is named at once.
func (f *settingsForm) check(logo settings.LogoChange, mails bool) error {
	var wrong settings.InvalidError
	errors.As(f.Settings.Clean().Validate(), &wrong)
	if f.SignUp.On && !mails {
		wrong = append(wrong, settings.FieldError{Field: "signup", Problem: settings.ProblemNoMail})
	}
	if logo.PNG != nil && !logo.Remove {
		if _, bad := settings.NormalLogo(logo.PNG); bad != nil {
			wrong = append(wrong, *bad)
		}
	}
	if wrong == nil {
		return nil
	}
	return wrong
}

// say puts what is wrong beside the fields.
func (f *settingsForm) say(t *view.Text, wrong settings.InvalidError) {
	for _, e := range wrong {
		f.errors[e.Field] = settingsProblem(t, e)
	}
}

func settingsProblem(t *view.Text, e settings.FieldError) string {
	switch e.Problem {
	case settings.ProblemName:
		return t.T("admin.settings.error.name")
	case settings.ProblemAccent:
		return t.T("admin.settings.error.accent")
	case settings.ProblemDomain:
		return t.T("admin.settings.error.domain", "Domain", e.Detail)
	case settings.ProblemNoMail:
		return t.T("admin.settings.signup.no_mail")
	case settings.ProblemDomains:
		return t.T("admin.settings.error.domains")
	case settings.ProblemSecond:
		return t.T("admin.settings.second.error.unknown")
	case settings.ProblemLogoSize:
		return t.T("admin.settings.error.logo_size")
	case settings.ProblemLogoFormat:
		return t.T("admin.settings.error.logo_format")
	case settings.ProblemLogoPixels:
		return t.T("admin.settings.error.logo_pixels")
	case settings.ProblemLogoDamaged:
		return t.T("admin.settings.error.logo_damaged")
	}
	return e.Detail // of the policy and of the rules of registration
}

func (s *Server) writeSettings(w http.ResponseWriter, r *http.Request, a *admin, status int, f settingsForm) {
	frame := s.adminFrame(w, r, a, "settings")
	t := frame.Text
	if f.domains == "" {
		f.domains = strings.Join(f.InviteDomains, "\n")
	}
	if f.signUp == "" {
		f.signUp = strings.Join(f.SignUp.Domains, "\n")
	}
	proveURL := ""
	if f.prove {
		proveURL = "/confirm?return=%2Fadmin%2Fsettings"
	}
	page := view.AdminSettings{
		ProveURL:   proveURL,
		AdminFrame: frame, Version: strconv.FormatInt(f.Settings.Version, 10), Problem: f.problem, Unsaved: f.unsaved && f.problem == "",
		Name:    view.Field{Name: "name", Label: t.T("admin.settings.name.label"), Help: t.T("admin.settings.name.help"), Value: f.Name, Error: f.errors["name"], Placeholder: view.Brand, Autocomplete: "off"},
		Accent:  view.Field{Name: "accent", Label: t.T("admin.settings.accent.label"), Help: t.T("admin.settings.accent.help"), Value: f.Accent, Error: f.errors["accent"], Placeholder: "#3448c5", Autocomplete: "off"},
		Logo:    view.Field{Name: "logo", Label: t.T("admin.settings.logo.label"), Help: t.T("admin.settings.logo.help"), Type: "file", Error: f.errors["logo"]},
		HasLogo: f.Settings.Logo != "",
		Domains: view.Field{Name: "invite_domains", Label: t.T("admin.settings.domains.label"), Help: t.T("admin.settings.domains.help"), Value: f.domains, Error: f.errors["invite_domains"], Placeholder: "example.com", Autocomplete: "off"},
		Second:  view.Field{Name: "second_factor", Label: t.T("admin.settings.second.label"), Help: t.T("admin.settings.second.help"), Error: f.errors["second_factor"]}, SecondRules: secondRules(t, f.SecondFactor),
		Policy: policyFields(t, f.policy), Preset: f.policy.Get("preset"), StaleGenerations: f.policy.Get("stale_generations"), Presets: defaultPresets(t, f.policy),
		Preview: s.lookPreview(f),
	}
	page.SignUp = view.SignUpChoice{
		On: f.SignUp.On, Error: f.errors["signup"],
		Domains: view.Field{Name: "signup_domains", Label: t.T("admin.settings.signup.domains_label"), Help: t.T("admin.settings.signup.domains_help"), Value: f.signUp, Error: f.errors["signup_domains"], Placeholder: "example.com", Autocomplete: "off"},
	}
	switch f.Registration.Mode {
	case oauth.RegistrationByToken:
		page.Registration = t.T("admin.settings.registration.token")
	case oauth.RegistrationOpen:
		page.Registration = t.T("admin.settings.registration.open")
	default:
		page.Registration = t.T("admin.settings.registration.off")
	}
	if f.Registration.Documents.On {
		page.Registration += " " + t.T("admin.settings.registration.documents")
	}
	page.Mail = t.T("admin.mail.off")
	if s.cfg.Mail.Open() {
		page.Mail, page.TestMail = t.T("admin.mail.on", "Server", s.cfg.MailServer), t.T("admin.mail.test", "Email", a.Email)
	}
	var err error
	if page.Backups, err = s.backupFacts(r.Context(), t, s.now()); err != nil {
		s.unavailable(w, r, "read the record of backups", err)
		return
	}
	seal, err := s.store.KeySeal(r.Context())
	if err != nil {
		s.unavailable(w, r, "read the seal of the keys", err)
		return
	}
	page.Server, page.Environment = s.serverFacts(t, seal), s.environment(t)
	s.showPage(w, r, status, false, page)
}

// secondRules are the choices of who has to show two factors.
func secondRules(t *view.Text, chosen settings.SecondFactor) []view.Option {
	return []view.Option{
		{Value: settings.SecondFactorNone.String(), Label: t.T("admin.settings.second.none.label"), Help: t.T("admin.settings.second.none.help"), Selected: chosen == settings.SecondFactorNone},
		{Value: string(settings.SecondFactorAdmins), Label: t.T("admin.settings.second.admins.label"), Help: t.T("admin.settings.second.admins.help"), Selected: chosen == settings.SecondFactorAdmins},
		{Value: string(settings.SecondFactorEveryone), Label: t.T("admin.settings.second.everyone.label"), Selected: chosen == settings.SecondFactorEveryone},
	}
}

// defaultPresets are the presets that fill the form of the default policy.
func defaultPresets(t *view.Text, f policyForm) []view.PresetLink {
	links := presetLinks(t, &oauth.Client{}, f)
	for i := range links {
		_, query, _ := strings.Cut(links[i].URL, "?")
		links[i].URL = "/admin/settings?" + query + "#policy"
	}
	return links
}

// lookPreview is what the form would make of the sign-in page.
func (s *Server) lookPreview(f settingsForm) view.LookPreview {
	next := f.Settings.Clean()
	p := view.LookPreview{Name: next.Name}
	if p.Name == "" {
		p.Name = view.Brand
	}
	light, dark := palette{action: rgbOf(0x3448c5), onAction: white, brand: rgbOf(0x3448c5)}, palette{action: rgbOf(0x8e9cff), onAction: rgbOf(0x0d1230), brand: rgbOf(0x5466e8)}
	if accent, ok := parseAccent(next.Accent); ok {
		light, dark = palettes(accent)
	}
	p.Light = view.LookColors{Page: "#f6f7f9", Card: "#ffffff", Text: "#171b24", Soft: "#5b6475", Line: "#e0e3ea", Action: light.action.String(), OnAction: light.onAction.String(), Brand: light.brand.String()}
	p.Dark = view.LookColors{Page: "#0f1115", Card: "#171a21", Text: "#f0f1f5", Soft: "#98a1b3", Line: "#2b303b", Action: dark.action.String(), OnAction: dark.onAction.String(), Brand: dark.brand.String()}
	return p
}

// serverFacts are what admins may know of the server and cannot change here.
func (s *Server) serverFacts(t *view.Text, seal oauth.KeySeal) []view.EventFact {
	facts := []view.EventFact{{Name: t.T("admin.settings.server.issuer"), Value: s.cfg.Issuer}, {Name: t.T("admin.settings.server.version"), Value: s.cfg.Version}}
	if file := s.cfg.DatabaseFile; file != "" {
		size := int64(0)
		for _, suffix := range []string{"", "-wal"} {
			if info, err := os.Stat(file + suffix); err == nil {
				size += info.Size()
			}
		}
		facts = append(facts, view.EventFact{Name: t.T("admin.settings.server.database"), Value: t.T("admin.settings.server.database_size", "File", file, "Size", strconv.FormatFloat(float64(size)/(1<<20), 'f', 1, 64))})
	}
	secure := t.T("admin.settings.server.tls_none")
	switch issuer, err := url.Parse(s.cfg.Issuer); {
	case s.cfg.TLS:
		secure = t.T("admin.settings.server.tls_here")
	case err == nil && issuer.Scheme == "https":
		secure = t.T("admin.settings.server.tls_proxy")
	}
	proxies := t.T("admin.settings.server.proxies_none")
	if len(s.cfg.TrustedProxies) > 0 {
		var list []string
		for _, p := range s.cfg.TrustedProxies {
			list = append(list, p.String())
		}
		proxies = strings.Join(list, ", ")
	}
	return append(facts,
		view.EventFact{Name: t.T("admin.settings.server.tls"), Value: secure},
		view.EventFact{Name: t.T("admin.settings.server.proxies"), Value: proxies},
		view.EventFact{Name: t.T("admin.settings.server.master_key"), Value: masterKeyFact(t, seal)})
}

func masterKeyFact(t *view.Text, seal oauth.KeySeal) string {
	switch {
	case seal.SealedAt != nil:
		return t.T("admin.settings.server.master_key_sealed", "At", t.DateTime(*seal.SealedAt))
	case seal.Held:
		return t.T("admin.settings.server.master_key_held")
	}
	return t.T("admin.settings.server.master_key_none")
}

// environment is what the process was told at its start, and by what.
func (s *Server) environment(t *view.Text) []view.EnvironmentRow {
	var rows []view.EnvironmentRow
	for _, e := range s.cfg.Environment {
		row := view.EnvironmentRow{Name: e.Name, Value: e.Value, Set: e.Source != "default"}
		switch e.Source {
		case "flag":
			row.Source = t.T("admin.settings.source.flag")
		case "environment":
			row.Source = t.T("admin.settings.source.environment")
		case "file":
			row.Source = t.T("admin.settings.source.file")
		default:
			row.Source = t.T("admin.settings.source.default")
		}
		rows = append(rows, row)
	}
	return rows
}
