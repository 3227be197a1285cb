package web_test

import "testing"

// requirementsWEB proves the rows WEB of requirements.md part 4, and those of its other parts that a browser meets.
func requirementsWEB(t *testing.T) {
	rule := func(name string, check func(*testing.T)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t)
		})
	}
	rule("WEB-10 WEB-11 WEB-13 GEN-02 every response bears the headers of its kind", headersOfEveryResponse)
	rule("WEB-12 no text from outside becomes markup", textFromOutside)
	rule("WEB-12 no text from outside becomes a header", headerInjection)
	rule("WEB-15 nothing can be uploaded, and nothing is served but what was built in", noUploads)
	rule("WEB-20 no other site can act through a form", foreignSites)
	rule("WEB-20 no form works without the token of this browser", formTokens)
	rule("WEB-20 GET changes nothing", getChangesNothing)
	rule("WEB-21 nobody is signed in by another site", loginCSRF)
	rule("WEB-22 the consent form of one person is void for another", consentOfAnother)
	rule("WEB-22 the consent form holds for its own question only", consentToAnotherQuestion)
	rule("WEB-23 the consent page says who asks for what, for how long and of whom", consentPage)
	rule("WEB-25 cookies are the browser's own and nobody else's", cookieAttributes)
	rule("WEB-26 signing in gives a session that nobody knew before", fixation)
	rule("WEB-27 sessions end idle and after their whole life", sessionTimeouts)
	rule("WEB-27 signing out ends the session on the server", signOutEndsSession)
	rule("WEB-28 LO-06 signing out ends the grants that live with the session", signOutEndsGrants)
	rule("WEB-28 disabling, deleting or a new password ends every session", personEndsSessions)
	rule("WEB-29 malformed cookies mean nobody", cookieFuzz)
	rule("WEB-33 a failed sign-in does not tell whether the account exists", noEnumeration)
	rule("WEB-36 guesses are throttled, and known devices still get in", throttling)
	rule("WEB-46 WEB-47 AZ-14 no secret reaches the log or the database", noSecretsAnywhere)
	rule("WEB-47 nothing from outside can forge a line of the log", logInjection)
	t.Run("WEB-60 GEN-08 bodies, queries and headers are bounded", bounds)
	t.Run("WEB-62 requests have budgets, of programs apart from those of people", budgets)
	rule("WEB-63 JWTs that are too long, have too many parts or ask for more are refused", oddJWTs)
	rule("WEB-64 health tells the public nothing", healthTellsNothing)
	rule("WEB-64 asking for readiness often asks the store seldom", readinessShared)
	rule("WEB-64 a store that is not ready, and one that does not answer", notReady)
	t.Run("WEB-65 requests of strangers do not fill the database", pendingRequestsBounded)
	rule("AZ-10 an authorization request may come by POST from anywhere and does nothing yet", authorizeByPost)
	rule("AZ-15 an authorization goes on in its own browser only", boundToBrowser)
	rule("AZ-15 hidden fields are never trusted", editedFields)
	rule("AZ-18 pages load nothing from elsewhere", nothingForeign)
	rule("AZ-19 authorizations in several tabs do not mix", tabs)
	rule("OI-06 prompt=login wants the password again", promptLogin)
	rule("GEN-14 pages may not be read across origins", corsOfPages)
	rule("GEN-14 a slow look at the origins holds nobody who does not wait", corsWaiters)
	rule("GEN-15 answers to forms are 303", answersToForms)
	rule("GEN-16 there is no open redirector", noOpenRedirector)
}
