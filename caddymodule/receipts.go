package caddymodule

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

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
	for medium, modules := range map[send.Medium][]SenderModule{send.SMS: a.sms, send.Email: a.email} {
		for i, named := range l.senders[medium] {
			reader, reads := named.Sender.(send.ReceiptReader)
			if !reads || modules[i].CaddyModule().ID.Name() != kind {
				continue
			}
			fresh := r.Clone(r.Context())
			fresh.Body, fresh.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			// A sender may be anybody's, and what it makes of a request no word of ours.
			if receipt, err := reader.ReadReceipt(fresh); err == nil && slices.Contains(receiptStates, receipt.Status) {
				return named.Name, receipt, true
			}
		}
	}
	return "", send.Receipt{}, false
}
