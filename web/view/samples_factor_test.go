package view

import "github.com/a-h/templ"

// samplesFactor are the pages about second factors.
func samplesFactor(f Frame) map[string]templ.Component {
	t := f.Text
	const token, step, request = "yD3l8Jc0R6nq", "3XKQ7VJ2M5BNDLRTY6HWPZCF4E", "9Yb0c2rVJXk1mQ5s"
	setUp := TOTPSetUp{
		QR: QRCode{Size: 29, Path: "M4 4h7v1h-7zM4 10h7v1h-7zM4 5h1v5h-1zM10 5h1v5h-1zM6 6h3v3h-3z"}, Secret: "jbsw y3dp ehpk 3pxp jbsw y3dp ehpk 3pxp",
		URL: "otpauth://totp/id.acme.example:ann@acme.example?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=id.acme.example", Sealed: "AQoLDA",
	}
	wrong := setUp
	wrong.Error = t.T("totp.error.mismatch")
	own := func(crumb string) AccountFrame {
		return AccountFrame{Frame: f, Section: "security", Crumbs: []Crumb{{Label: crumb}}, Email: "ann@acme.example", FormToken: token}
	}
	return map[string]templ.Component{
		"second": SecondFactor{Frame: f, Action: "/login/second", Step: step, Return: "/account", FormToken: token, Email: "ann@acme.example", TOTP: true},
		"second_passkey": SecondFactor{
			Frame: f, Action: "/login/second", Step: step, Return: "/account", FormToken: token, Email: "ann@acme.example", TOTP: true,
			Passkey: &PasskeyQuestion{Options: `{"challenge":"AAAA"}`, State: "ceremony-state"}, Refused: t.T("passkey.error.refused_second"),
		},
		"confirm_passkey": ConfirmIdentity{
			Frame: f, FormToken: token, Email: "ann@acme.example", Name: "Ann Ampère", Return: "/account/security", Second: true,
			Passkey: &PasskeyQuestion{Options: `{"challenge":"AAAA"}`, State: "ceremony-state"},
		},
		"confirm_passkey_both": ConfirmIdentity{
			Frame: f, FormToken: token, Email: "ann@acme.example", Name: "Ann Ampère", Return: "/account/security", Second: true, Both: true,
			Passkey: &PasskeyQuestion{Options: `{"challenge":"AAAA"}`, State: "ceremony-state"}, Error: t.T("passkey.error.password_too"),
		},
		"second_error": SecondFactor{
			Frame: f, Action: "/login/second", ClientName: "Grafana", ClientHost: "grafana.acme.example", Step: step, Request: request, FormToken: token,
			Email: "rosa@acme.example", TOTP: true, StayIgnored: true, Error: t.T("second.error.mismatch"),
		},
		"second_recovery": SecondFactor{Frame: f, Action: "/login/step-up", ClientName: "Grafana", Request: request, FormToken: token, Email: "ann@acme.example"},
		"enrol":           EnrolSecond{Frame: f, Step: step, FormToken: token, Email: "ann@acme.example", TOTP: setUp},
		"enrol_passkey": EnrolSecond{
			Frame: f, ClientName: "Grafana", ClientHost: "grafana.acme.example", Step: step, Request: request, FormToken: token, Email: "ann@acme.example", TOTP: setUp,
			Passkey: &PasskeyQuestion{Options: `{"challenge":"AAAA"}`, State: "ceremony-state"}, Refused: t.T("passkey.error.not_added"),
		},
		"enrol_error": EnrolSecond{Frame: f, ClientName: "Grafana", ClientHost: "grafana.acme.example", Step: step, Request: request, FormToken: token, Email: "ann@acme.example", TOTP: wrong},
		"recovery_codes": RecoveryCodes{
			Frame: f, Issuer: "id.acme.example", Email: "ann@acme.example", Next: "/account/security",
			Codes: []string{"q3kd-7xma-zu2b-w5np", "b6rt-h2vc-l4ye-s7dq", "m5xg-n3zk-a2wf-t6pu"},
		},
		"account_totp":        AddTOTP{AccountFrame: own(t.T("totp.add")), TOTP: setUp},
		"account_totp_error":  AddTOTP{AccountFrame: own(t.T("totp.add")), TOTP: wrong},
		"account_totp_remove": RemoveTOTP{AccountFrame: own(t.T("totp.remove")), Last: true},
		"account_totp_other":  RemoveTOTP{AccountFrame: own(t.T("totp.remove"))},
		"account_recovery":    MakeRecovery{AccountFrame: own(t.T("recovery.make")), Left: 4},
		"confirm_second":      ConfirmIdentity{Frame: f, FormToken: token, Email: "ann@acme.example", Name: "Ann Ampère", Return: "/account/security/totp", Second: true, TOTP: true, CodeError: t.T("second.error.mismatch")},
		"account_security_factors": AccountSecurity{AccountFrame: AccountFrame{Frame: f, Section: "security", Email: "ann@acme.example", FormToken: token}, Sections: []templ.Component{
			PasswordSection{Frame: f, ChangedAt: &since, Now: since}, TOTPSection{Frame: f, On: true}, RecoverySection{Frame: f, Left: 2},
		}},
		"account_security_none": AccountSecurity{AccountFrame: AccountFrame{Frame: f, Section: "security", Email: "ann@acme.example", FormToken: token}, Sections: []templ.Component{
			PasswordSection{Frame: f, ChangedAt: &since, Now: since}, TOTPSection{Frame: f}, RecoverySection{Frame: f},
		}},
	}
}
