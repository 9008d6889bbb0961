package caddymodule

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/send"
)

// receiptsPath is where providers report what became of messages, below the prefix and
// followed by the kind of the sender, as in /.auth/receipts/vonage.
const receiptsPath = "/receipts/"

// maxReceipt is the greatest report that is read, in bytes. A provider's has a few
// hundred.
const maxReceipt = 16 << 10

var receiptStates = []send.ReceiptStatus{send.ReceiptDelivered, send.ReceiptRefused, send.ReceiptPending}

// receiptKind is the kind of sender that a path takes receipts for.
func (s *site) receiptKind(path string) (kind string, ok bool) {
	rest, below := strings.CutPrefix(path, s.flows.Prefix)
	kind, ok = strings.CutPrefix(rest, receiptsPath)
	return kind, below && ok
}

// serveReceipt takes a report, if one of the senders of that kind finds it signed by its
// provider. The answer has no body, sets no cookie, and is the same whether or not there
// is such a message, or such a sender.
func (s *site) serveReceipt(w http.ResponseWriter, r *http.Request, kind string) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		header.Set("Allow", "GET, POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReceipt))
	if err != nil {
		status := http.StatusBadRequest
		if _, big := errors.AsType[*http.MaxBytesError](err); big {
			status = http.StatusRequestEntityTooLarge
		}
		w.WriteHeader(status)
		return
	}
	live, release, err := s.app.acquire()
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable) // providers try again
		return
	}
	defer release()
	sender, receipt, ok := s.app.readReceipt(live, r, kind, body)
	if !ok {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	live.rt.counts.receipt(sender, receipt.Status)
	if receipt.Status == send.ReceiptRefused {
		s.app.log.Warn("a message was refused after it had been accepted", "sender", sender, "id", receipt.ID, "reason", receipt.Reason)
	}
	if err := live.engine.Receipt(r.Context(), receipt); err != nil {
		s.app.log.Warn("taking a receipt", "error", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// readReceipt asks the senders of a kind, each with secrets of its own, whether the
// report is from their provider.
func (a *App) readReceipt(l *live, r *http.Request, kind string, body []byte) (sender string, receipt send.Receipt, ok bool) {
	var refused string // the first sender of the kind, if there is one
	var why error
	for medium, modules := range map[send.Medium][]SenderModule{send.SMS: a.sms, send.Email: a.email} {
		for i, named := range l.senders[medium] {
			reader, reads := named.Sender.(send.ReceiptReader)
			if !reads || modules[i].CaddyModule().ID.Name() != kind {
				continue
			}
			fresh := r.Clone(r.Context())
			fresh.Body, fresh.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			// A sender may be anybody's, and what it makes of a request no word of ours.
			receipt, err := reader.ReadReceipt(fresh)
			if err == nil && slices.Contains(receiptStates, receipt.Status) {
				return named.Name, receipt, true
			}
			refused = cmp.Or(refused, named.Name)
			why = cmp.Or(err, why)
		}
	}
	if refused != "" {
		a.noteBadReceipt(l, refused, why)
	}
	return "", send.Receipt{}, false
}

// badReceipt counts, beside the states of messages, the reports that were not believed.
const badReceipt send.ReceiptStatus = "invalid"

// badReceiptEvery is how seldom the log tells of them: anybody can send some.
const badReceiptEvery = time.Minute

// noteBadReceipt tells operators of a report that was not believed. Most likely the secret
// is another one at the provider, and then nobody would ever learn what became of messages.
func (a *App) noteBadReceipt(l *live, sender string, err error) {
	l.rt.counts.receipt(sender, badReceipt)
	now, last := a.now().UnixNano(), l.rt.badReceipts.Load()
	if last != 0 && now-last < int64(badReceiptEvery) || !l.rt.badReceipts.CompareAndSwap(last, now) {
		return
	}
	reason := "its status is unknown"
	if err != nil {
		reason = send.Scrub(err.Error(), send.Message{})
	}
	a.log.Warn("a report about a message was not believed", "sender", sender, "reason", reason,
		"remedy", "if it was the provider's: check signature_secret and signature_method there and here")
}
