package view

import "github.com/a-h/templ"

// samplesMail are the pages that ask for mails, and that their links lead to.
func samplesMail(f Frame) map[string]templ.Component {
	t := f.Text
	const token, link, request = "yD3l8Jc0R6nq", "rgl1_6WQ2M5XZ7T3LDUKNARVYHB4CPE", "9Yb0c2rVJXk1mQ5s"
	own := func(crumbs ...Crumb) AccountFrame {
		return AccountFrame{Frame: f, Section: "profile", Crumbs: crumbs, Email: "ann@acme.example", FormToken: token}
	}
	title := Crumb{Label: t.T("account.email.title")}
	return map[string]templ.Component{
		"forgot":       Forgot{Frame: f, FormToken: token},
		"forgot_error": Forgot{Frame: f, FormToken: token, Request: request, Email: "ann", Error: t.T("email.invalid")},
		"forgot_sent":  MailSent{Frame: f, Lead: t.T("forgot.sent"), Hint: t.T("forgot.hint"), Request: request},
		"signup":       SignUp{Frame: f, FormToken: token, ClientName: "Grafana", ClientHost: "grafana.acme.example", Request: request},
		"signup_error": SignUp{
			Frame: f, FormToken: token, Domains: t.T("signup.domains", "Domains", "acme.example, acme.test"), Email: "eve@elsewhere.example", Error: t.T("signup.wrong_domain"),
		},
		"signup_sent":          MailSent{Frame: f, Lead: t.T("signup.sent"), Hint: t.T("signup.hint")},
		"signup_finish":        FinishSignUp{Frame: f, Token: link, FormToken: token, Request: request, Email: "dora@acme.example"},
		"signup_finish_error":  FinishSignUp{Frame: f, Token: link, FormToken: token, Email: "dora@acme.example", Name: "Dora", SignedIn: "ann@acme.example", PasswordError: t.T("password.personal")},
		"account_email":        ChangeEmail{AccountFrame: own(title), CanMail: true},
		"account_email_error":  ChangeEmail{AccountFrame: own(title), CanMail: true, New: "ann@acme.example", Error: t.T("account.email.same")},
		"account_email_none":   ChangeEmail{AccountFrame: own(title)},
		"account_email_finish": ConfirmEmail{AccountFrame: own(title, Crumb{Label: t.T("account.email.confirm")}), Token: link, New: "ann@new.example"},
	}
}
