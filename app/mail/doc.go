// Package mail says what this server writes to people, and sees that it gets there.
//
// A mail begins as a [Message]: what it is about, not yet its words. [Post] seals it and puts it into the outbox, a table, so
// that no mail is lost with the process; the words are made when it is sent, in the language that its reader has chosen by then.
// There are three ways in:
//
//   - an act that has just been done hands over what it has made, an invitation say ([Post.Queue]);
//   - somebody who may be anybody asks for a mail to an address ([Post.Ask]). What is written is the same whether a person has
//     the address or not (WEB-33): who it is, and which link they get, is found out when the mail is sent. How many mails
//     strangers may cause is counted in the transaction that adds one;
//   - the log of security events is followed ([Post.Follow]): what a person should be told of becomes a mail in the same
//     transaction that moves on in the log, so no event is left out or told twice.
//
// One goroutine sends. A mail leaves the outbox when the mail server has accepted it, and is tried again, later each time, as
// long as it is of use. A crash between the two sends it twice, never not at all.
package mail
