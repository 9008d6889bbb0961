package vonage

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/stepgate/stepgate/flows/send"
	"github.com/stepgate/stepgate/flows/send/internal/oneshot"
)

const (
	maxReceipt   = 16 << 10 // bytes of query or body
	maxParams    = 64
	receiptDrift = 15 * time.Minute // how far from now a receipt's time may be
)

var (
	reference = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,40}$`) // client-ref takes no more
	// A name with "&" or "=" in it could make one set of parameters sign like another.
	paramName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
	unixTime  = regexp.MustCompile(`^[0-9]{1,11}$`)
	errorCode = regexp.MustCompile(`^[0-9]{1,4}$`)
	outcomes  = map[string]send.ReceiptStatus{
		"delivered": send.ReceiptDelivered,
		"accepted":  send.ReceiptPending, "buffered": send.ReceiptPending, "unknown": send.ReceiptPending,
		"expired": send.ReceiptRefused, "failed": send.ReceiptRefused, "rejected": send.ReceiptRefused,
	}
)

// callback is where Vonage shall report a text; empty: nowhere, for what could not be
// believed or would be read on the way.
func (s *Sender) callback(receipts string) string {
	if s.cfg.SignatureSecret == "" || receipts == "" {
		return ""
	}
	u, err := url.Parse(receipts)
	if err != nil || !oneshot.Private(u) || u.RawQuery != "" || u.Fragment != "" {
		return ""
	}
	return strings.TrimSuffix(receipts, "/") + "/vonage"
}

// ReadReceipt implements [send.ReceiptReader] for Vonage's delivery receipts: a GET with
// a query, or a POST with a form or a flat JSON object, signed by the account's secret
// not more than 15 minutes ago. It reads the body. Its errors quote nothing of the
// request. The same receipt may come again, and one comes for each part of a text.
func (s *Sender) ReadReceipt(r *http.Request) (send.Receipt, error) {
	rec, err := s.readReceipt(r)
	if err != nil {
		return send.Receipt{}, errors.New("reading receipt: " + err.Error())
	}
	return rec, nil
}

func (s *Sender) readReceipt(r *http.Request) (send.Receipt, error) {
	if s.cfg.SignatureSecret == "" {
		return send.Receipt{}, errors.New("no signature secret is configured")
	}
	p, err := readParams(r)
	if err != nil {
		return send.Receipt{}, err
	}
	sig, ok := p["sig"]
	if !ok {
		return send.Receipt{}, errors.New("it is not signed: Vonage signs when its support has turned that on")
	}
	delete(p, "sig")
	if !genuine(s.cfg.SignatureMethod, s.cfg.SignatureSecret, sig, p) {
		return send.Receipt{}, errors.New("its signature is wrong: another secret or method, or not by Vonage")
	}
	if !unixTime.MatchString(p["timestamp"]) {
		return send.Receipt{}, errors.New("it has no timestamp in Unix seconds")
	}
	sec, err := strconv.ParseInt(p["timestamp"], 10, 64)
	if err != nil || s.now().Sub(time.Unix(sec, 0)).Abs() > receiptDrift {
		return send.Receipt{}, errors.New("its timestamp is more than 15 minutes from now")
	}
	status, known := outcomes[p["status"]]
	code, coded := p["err-code"]
	switch {
	case !reference.MatchString(p["client-ref"]):
		return send.Receipt{}, errors.New("it names no message of ours")
	case !known:
		return send.Receipt{}, errors.New("its status is unknown")
	case coded && !errorCode.MatchString(code):
		return send.Receipt{}, errors.New("its err-code is not a number")
	}
	return send.Receipt{ID: p["client-ref"], Status: status, Reason: code}, nil
}

// readParams returns the parameters of a request, each of which must come once.
func readParams(r *http.Request) (map[string]string, error) {
	switch r.Method {
	case http.MethodGet:
		return parseForm(r.URL.RawQuery)
	case http.MethodPost:
	default:
		return nil, errors.New("the method is neither GET nor POST")
	}
	if r.URL.RawQuery != "" {
		return nil, errors.New("it is a POST with a query")
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return nil, errors.New("its content type is neither a form nor JSON")
	}
	if r.Body == nil {
		return nil, errors.New("it has no body")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxReceipt+1))
	switch {
	case err != nil:
		return nil, errors.New("its body broke off")
	case len(body) > maxReceipt:
		return nil, errors.New("it is too long")
	case kind == "application/json":
		return parseJSON(body)
	case kind == "application/x-www-form-urlencoded":
		return parseForm(string(body))
	}
	return nil, errors.New("its content type is neither a form nor JSON")
}

// params collects parameters.
type params map[string]string

func (p params) add(name, value string) error {
	_, twice := p[name]
	switch {
	case !paramName.MatchString(name):
		return errors.New("a parameter has an impossible name")
	case twice:
		return errors.New("a parameter comes twice")
	case len(p) == maxParams:
		return errors.New("it has too many parameters")
	}
	p[name] = value
	return nil
}

func parseForm(raw string) (params, error) {
	if len(raw) > maxReceipt {
		return nil, errors.New("it is too long")
	}
	form, err := url.ParseQuery(raw)
	if err != nil {
		return nil, errors.New("it is not URL-encoded")
	}
	p := params{}
	for name, values := range form {
		for _, v := range values {
			if err := p.add(name, v); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// parseJSON takes an object of strings and numbers, the latter as they are spelled:
// that is how they were signed.
func parseJSON(body []byte) (params, error) {
	bad := errors.New("it is not a flat JSON object")
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, bad
	}
	p := params{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, bad
		}
		value, err := d.Token()
		if err != nil {
			return nil, bad
		}
		var text string
		switch v := value.(type) {
		case string:
			text = v
		case json.Number:
			text = v.String()
		default:
			return nil, bad
		}
		key, ok := name.(string)
		if !ok {
			return nil, bad
		}
		if err := p.add(key, text); err != nil {
			return nil, err
		}
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return nil, bad
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, bad
	}
	return p, nil
}
