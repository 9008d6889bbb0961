package sendtest

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
)

// Mail is what an [SMTPServer] received: the envelope, the raw data, and its parts
// decoded.
type Mail struct {
	HELO string
	TLS  bool
	User string // who authenticated
	UTF8 bool   // SMTPUTF8 was asked for
	From string
	To   []string
	Data []byte

	Header  mail.Header
	Subject string // decoded
	Text    string // decoded, with LF line ends
	HTML    string // decoded, with LF line ends; empty for a mail of text only
}

func (m *Mail) parse() error {
	msg, err := mail.ReadMessage(bytes.NewReader(m.Data))
	if err != nil {
		return fmt.Errorf("reading mail: %w", err)
	}
	m.Header = msg.Header
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject")); err != nil {
		return fmt.Errorf("decoding subject: %w", err)
	}
	kind, params, err := mime.ParseMediaType(msg.Header.Get("Content-Type"))
	if err != nil {
		return fmt.Errorf("reading content type: %w", err)
	}
	if kind != "multipart/alternative" {
		body := msg.Body
		if strings.EqualFold(msg.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
			body = quotedprintable.NewReader(body)
		}
		return m.take(kind, body)
	}
	parts := multipart.NewReader(msg.Body, params["boundary"])
	for {
		p, err := parts.NextPart() // decodes quoted-printable itself
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading parts: %w", err)
		}
		kind, _, err := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if err != nil {
			return fmt.Errorf("reading a part's content type: %w", err)
		}
		if err := m.take(kind, p); err != nil {
			return err
		}
	}
}

func (m *Mail) take(kind string, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("reading body: %w", err)
	}
	text := strings.ReplaceAll(string(b), "\r\n", "\n")
	switch kind {
	case "text/plain":
		m.Text = text
	case "text/html":
		m.HTML = text
	default:
		return fmt.Errorf("unexpected part %s", kind)
	}
	return nil
}
