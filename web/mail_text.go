package web

import (
	"regrant/app/mail"
	"regrant/web/view"
)

// mailText are the keys of a mail's words.
type mailText struct {
	subject, title, lead string
	action               string   // of its link; empty: none
	rest                 []string // what to do, or that there is nothing to do
}

// mailTexts has the words of every mail; a test compares them.
var mailTexts = map[mail.Kind]mailText{
	mail.Invitation:       {"mail.invitation.subject", "mail.invitation.title", "mail.invitation.lead", "mail.invitation.action", []string{"mail.nothing"}},
	mail.Reset:            {"mail.reset.subject", "mail.reset.title", "mail.reset.lead", "mail.reset.action", []string{"mail.reset.nothing"}},
	mail.ConfirmSignUp:    {"mail.confirm_signup.subject", "mail.confirm_signup.title", "mail.confirm_signup.lead", "mail.confirm_signup.action", []string{"mail.nothing"}},
	mail.HasAccount:       {"mail.has_account.subject", "mail.has_account.title", "mail.has_account.lead", "mail.has_account.action", []string{"mail.has_account.nothing"}},
	mail.ConfirmEmail:     {"mail.confirm_email.subject", "mail.confirm_email.title", "mail.confirm_email.lead", "mail.confirm_email.action", []string{"mail.nothing"}},
	mail.EmailTaken:       {"mail.email_taken.subject", "mail.email_taken.title", "mail.email_taken.lead", "", []string{"mail.email_taken.nothing"}},
	mail.NewDevice:        {"mail.new_device.subject", "mail.new_device.title", "mail.new_device.lead", "mail.security", []string{"mail.was_you", "mail.not_you"}},
	mail.Reuse:            {"mail.reuse.subject", "mail.reuse.title", "mail.reuse.lead", "", []string{"mail.reuse.again", "mail.reuse.stranger"}},
	mail.Reported:         {"mail.reported.subject", "mail.reported.title", "mail.reported.lead", "mail.security", []string{"mail.reported.next"}},
	mail.FactorAdded:      {"mail.factor_added.subject", "mail.factor_added.title", "mail.factor_added.lead", "mail.security", []string{"mail.was_you", "mail.not_you"}},
	mail.FactorRemoved:    {"mail.factor_removed.subject", "mail.factor_removed.title", "mail.factor_removed.lead", "mail.security", []string{"mail.was_you", "mail.not_you"}},
	mail.FactorReset:      {"mail.factor_reset.subject", "mail.factor_reset.title", "mail.factor_reset.lead", "", []string{"mail.factor_reset.nothing"}},
	mail.RecoveryCodeUsed: {"mail.recovery_code_used.subject", "mail.recovery_code_used.title", "mail.recovery_code_used.lead", "mail.security", []string{"mail.was_you", "mail.not_you"}},
	mail.NewRecoveryCodes: {"mail.new_recovery_codes.subject", "mail.new_recovery_codes.title", "mail.new_recovery_codes.lead", "mail.security", []string{"mail.was_you", "mail.not_you"}},
	mail.CopySuspected:    {"mail.copy_suspected.subject", "mail.copy_suspected.title", "mail.copy_suspected.lead", "mail.security", []string{"mail.copy_suspected.next"}},
	mail.PasswordChanged:  {"mail.password_changed.subject", "mail.password_changed.title", "mail.password_changed.lead", "", []string{"mail.was_you", "mail.password_changed.nothing"}},
	mail.EmailChanged:     {"mail.email_changed.subject", "mail.email_changed.title", "mail.email_changed.lead", "", []string{"mail.email_changed.nothing"}},
	mail.EmailIsNow:       {"mail.email_is_now.subject", "mail.email_is_now.title", "mail.email_is_now.lead", "", nil},
	mail.Test:             {"mail.test.subject", "mail.test.title", "mail.test.lead", "", nil},
}

// mailLead is the sentence that a mail begins with, where it depends on more than the kind.
func mailLead(m mail.Message) string {
	switch {
	case m.Kind == mail.Reset && m.ByAdmin:
		return "mail.reset.by_admin"
	case m.Kind == mail.PasswordChanged && m.ByAdmin:
		return "mail.password_changed.by_admin"
	case m.Kind == mail.FactorAdded && m.Factor == "totp":
		return "mail.factor_added.totp"
	case m.Kind == mail.FactorAdded && m.Factor == "passkey":
		return "mail.factor_added.passkey"
	case m.Kind == mail.FactorRemoved && m.Factor == "totp":
		return "mail.factor_removed.totp"
	case m.Kind == mail.FactorRemoved && m.Factor == "passkey":
		return "mail.factor_removed.passkey"
	}
	return mailTexts[m.Kind].lead
}

// mailRest is what there is to do about it.
func mailRest(m mail.Message) []string {
	if m.Kind == mail.PasswordChanged && m.ByAdmin {
		return mailTexts[mail.FactorReset].rest // both are done by an admin, to somebody who may wonder
	}
	return mailTexts[m.Kind].rest
}

// mailFacts say when something happened and from where. Links say when they end; nothing else has happened then.
func mailFacts(t *view.Text, m mail.Message) []view.MailFact {
	if m.At.IsZero() {
		return nil
	}
	facts := []view.MailFact{{Name: t.T("mail.fact.when"), Value: t.DateTime(m.At)}}
	if m.IP != "" && !m.ByAdmin {
		facts = append(facts, view.MailFact{Name: t.T("mail.fact.address"), Value: m.IP})
	}
	if device := deviceName(t, m.UserAgent); device != "" && m.UserAgent != "" && !m.ByAdmin {
		facts = append(facts, view.MailFact{Name: t.T("mail.fact.device"), Value: device})
	}
	return facts
}
