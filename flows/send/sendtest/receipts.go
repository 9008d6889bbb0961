package sendtest

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
)

// VonageReceipt are the parameters of a delivery receipt for a text that a
// [VonageServer] took, without a signature.
func VonageReceipt(text url.Values, status, errCode string, at time.Time) url.Values {
	return url.Values{
		"msisdn": {text.Get("to")}, "to": {text.Get("from")}, "network-code": {"23410"},
		"messageId": {"0A00000001234ABC0"}, "price": {"0.03330000"}, "status": {status}, "err-code": {errCode},
		"scts": {at.UTC().Format("0601021504")}, "api-key": {text.Get("api_key")}, "client-ref": {text.Get("client-ref")},
		"message-timestamp": {at.UTC().Format("2006-01-02 15:04:05 -0700")},
		"timestamp":         {strconv.FormatInt(at.Unix(), 10)}, "nonce": {"aaaabbbb-1111-2222-3333-ccccdddd4444"},
	}
}

// SignVonage sets the parameter sig as Vonage does. The method is md5hash, md5, sha1,
// sha256 or sha512.
func SignVonage(method, secret string, q url.Values) url.Values {
	names := make([]string, 0, len(q))
	for name := range q {
		if name != "sig" {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var signed string
	for _, name := range names {
		value := strings.ReplaceAll(strings.ReplaceAll(q.Get(name), "&", "_"), "=", "_")
		signed += fmt.Sprintf("&%s=%s", name, value)
	}
	var h hash.Hash
	switch method {
	case "md5hash":
		h = md5.New()
		signed += secret
	case "md5":
		h = hmac.New(md5.New, []byte(secret))
	case "sha1":
		h = hmac.New(sha1.New, []byte(secret))
	case "sha256":
		h = hmac.New(sha256.New, []byte(secret))
	case "sha512":
		h = hmac.New(sha512.New, []byte(secret))
	default:
		panic("unknown signature method " + method)
	}
	h.Write([]byte(signed))
	q.Set("sig", hex.EncodeToString(h.Sum(nil)))
	return q
}
