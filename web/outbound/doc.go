// Package outbound is the one HTTP client with which this server calls addresses that others chose: the keys of clients, their
// metadata documents, their logout endpoints and webhooks. Whoever may name such an address could otherwise make the server knock
// where only the server can: at its own machine, at the cloud's metadata service, at the neighbours in its private network.
//
// So a call is https alone, to a public address alone. A name is resolved once, and what is dialled is checked again at the moment
// of the connection, so that no second answer of the DNS can slip in. No redirect is followed, no proxy of the environment used, no
// cookie kept, and neither the size of an answer nor its time is the other side's to choose. Operators may open networks and
// hosts of their own.
//
// What comes back is the other side's text. It is read by programs, and never shown to whoever named the address.
package outbound
