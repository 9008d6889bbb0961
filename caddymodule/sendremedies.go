package caddymodule

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/stepgate/stepgate/flows/send"
)

// remedies say what an operator may do about a failure, by its reason.
var remedies = map[string]string{
	"auth":                "check username and password, or the webhook's secret; some mail servers want a password made for programs",
	"bad_credentials":     "check api_key and api_secret",
	"secret_not_allowed":  "check api_secret, and that the provider has not switched it off",
	"account_barred":      "the provider has closed or restricted the account: ask there",
	"account_not_enabled": "the provider has not opened the account for text messages: ask there",
	"quota":               "top up the account, or have its limit raised by the provider",
	"not_whitelisted":     "a trial account sends to its own numbers only: add the number at the provider, or upgrade",
	"invalid_sender":      "check `from`: many countries allow registered senders or numbers only",
	"invalid_network":     "the provider does not reach that network: ask there, or add another sender",
	"invalid_callback":    "the provider refuses the address for receipts: the site must be public",
	"invalid_signature":   "check signature_secret and signature_method",
	"tls":                 "check `tls` and the port (465: tls, 587: starttls), and that the server's certificate is for the name in the configuration",
	"network":             "check host and port, name resolution, and that no firewall stands between: many hosting providers close port 25",
	"timeout":             "check host and port, and that no firewall stands between: many hosting providers close port 25",
	"sender_refused":      "check `from`: the server does not let this account send mail from it",
	"refused":             "read what the server says: it may not relay for this account, or take the message for unwanted",
	"no_smtputf8":         "use an address in plain ASCII, or a server that offers SMTPUTF8",
	"bad_recipient":       "check the address: it cannot be reached",
	"mailbox_full":        "the mailbox takes no more: use another address",
	"number_barred":       "the number takes no messages from this provider: use another number",
	"number_deactivated":  "the number is no longer in use: use another number",
	"invalid_parameters":  "check `from` and the number",
	"missing_parameters":  "check that api_key, api_secret and from are not empty",
	"country_not_allowed": "add the country to the sender's `countries`, if codes are to go there",
	"throttled":           "wait a little: the provider takes no more just now",
	"busy":                "wait a little and try again: the server is busy, or delays senders that it does not know",
	"unavailable":         "wait a little and try again: the provider is in trouble",
	"internal_error":      "wait a little and try again: the provider is in trouble",
	"redirected":          "check the URL: the answer was a redirection, which is never followed",
	"bad_reply":           "check the URL: what answers there is not the provider",
	"protocol":            "check host and port: what answers there does not speak the protocol",
	"unacceptable":        "the program at the webhook does not take this message: see its log",
	"too_many_binds":      "wait a little: the provider has too many connections of this account",
	"bad_number":          "check the number",
	"bad_url":             "check the URL",
	"hanging":             "report it to the maker of the sender's module: it does not come back",
	"nil_error":           "report it to the maker of the sender's module: its errors hold nothing",
	"panic":               "report it to the maker of the sender's module",
}

// remedyOf is one short instruction for any error from a sender.
func remedyOf(err error) string {
	byKind := "try again, and read the sender's own words"
	switch send.KindOf(err) {
	case send.Blocked:
		byKind = "check the sender's configuration, and the account at the provider"
	case send.Final:
		byKind = "check the address or number"
	case send.Uncertain:
		byKind = "see whether it has arrived: the answer got lost"
	}
	return cmp.Or(remedies[send.ReasonOf(err)], byKind)
}

// detailOf is what the sender itself says of an error, without the message and the address.
func detailOf(err error, m send.Message) string {
	var known *send.Error
	switch {
	case !errors.As(err, &known):
		return send.Scrub(err.Error(), m)
	case known.Err == nil:
		return ""
	}
	return send.Scrub(known.Err.Error(), m)
}

// survive has a panic of a guest be an error like any other.
func survive(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &send.Error{Kind: send.Blocked, Reason: "panic", Err: fmt.Errorf("%v", p)}
		}
	}()
	return call()
}
