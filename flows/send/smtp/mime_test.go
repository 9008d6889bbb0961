package smtp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"regexp"
	"strings"
	"testing"

	"github.com/stepgate/stepgate/flows/send"
)

// strictly reads a mail as the strictest of servers and filters do, which is stricter
// than the standard library, and returns its headers and parts.
func strictly(raw []byte) (mail.Header, []string, error) {
	if !bytes.HasSuffix(raw, []byte("\r\n")) {
		return nil, nil, errors.New("the last line does not end")
	}
	head, _, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		return nil, nil, errors.New("there is no end to the headers")
	}
	if err := strictLines(raw); err != nil {
		return nil, nil, err
	}
	if err := strictHead(string(head)); err != nil {
		return nil, nil, err
	}
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return nil, nil, err
	}
	for _, once := range []string{"From", "To", "Subject", "Date", "Message-Id", "Mime-Version", "Content-Type"} {
		if len(m.Header[once]) != 1 {
			return nil, nil, fmt.Errorf("%d headers %s", len(m.Header[once]), once)
		}
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return nil, nil, err
	}
	if kind != "multipart/alternative" {
		text, err := leaf(m.Header.Get("Content-Type"), m.Header.Get("Content-Transfer-Encoding"), m.Body)
		return m.Header, []string{text}, err
	}
	if len(params["boundary"]) > 70 {
		return nil, nil, errors.New("the boundary is too long")
	}
	var parts []string
	r := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return m.Header, parts, nil
		}
		if err != nil {
			return nil, nil, err
		}
		text, err := leaf(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p)
		if err != nil {
			return nil, nil, err
		}
		parts = append(parts, text)
	}
}

// strictLines wants CRLF and nothing but CRLF, 7 bits, and lines that no server cuts.
func strictLines(raw []byte) error {
	for i, line := range bytes.Split(bytes.TrimSuffix(raw, []byte("\r\n")), []byte("\r\n")) {
		switch {
		case bytes.ContainsAny(line, "\r\n\x00"):
			return fmt.Errorf("line %d holds a lone CR, LF or NUL", i+1)
		case len(line) > 998:
			return fmt.Errorf("line %d has %d bytes", i+1, len(line))
		case bytes.ContainsFunc(line, func(r rune) bool { return r >= 0x80 }):
			return fmt.Errorf("line %d is not ASCII", i+1)
		}
	}
	return nil
}

var (
	fieldShape  = regexp.MustCompile(`^[!-9;-~]+:( |$)`)
	encodedWord = regexp.MustCompile(`=\?[^?]+\?[^?]+\?[^?]*\?=`)
)

func strictHead(head string) error {
	for _, line := range strings.Split(head, "\r\n") {
		folded := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		if strings.TrimSpace(line) == "" || !folded && !fieldShape.MatchString(line) {
			return fmt.Errorf("%q is no header", line)
		}
		for _, w := range encodedWord.FindAllString(line, -1) {
			if len(w) > 75 { // RFC 2047 §2
				return fmt.Errorf("an encoded word has %d bytes", len(w))
			}
			if _, err := new(mime.WordDecoder).Decode(w); err != nil {
				return fmt.Errorf("%q: %w", w, err) // such as a character cut in two
			}
		}
		if strings.Contains(line, "=?") && len(line) > 76 {
			return fmt.Errorf("a line with an encoded word has %d bytes", len(line))
		}
	}
	return nil
}

func leaf(kind, encoding string, r io.Reader) (string, error) {
	mt, params, err := mime.ParseMediaType(kind)
	if err != nil || !strings.EqualFold(params["charset"], "utf-8") || encoding != "quoted-printable" {
		return "", fmt.Errorf("a part of %q, %q", kind, encoding)
	}
	raw, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	for _, line := range strings.Split(string(raw), "\r\n") {
		if len(line) > 76 || strings.HasSuffix(line, " ") || strings.HasSuffix(line, "\t") { // RFC 2045 §6.7
			return "", fmt.Errorf("%q is not quoted-printable", line)
		}
	}
	text, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(raw)))
	return mt + "\n" + strings.ReplaceAll(string(text), "\r\n", "\n"), err
}

func TestAStrictParserFindsNoFaultWithAnyMail(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("Ein sehr langer Satz über Löhne und Gehälter, ", 60)
	tests := map[string]func(*send.Message){
		"as usual":           func(*send.Message) {},
		"text only":          func(m *send.Message) { m.HTML = "" },
		"ASCII only":         func(m *send.Message) { m.Subject, m.Text, m.HTML = "482913 is your code", "a\n", "<p>a</p>" },
		"a long subject":     func(m *send.Message) { m.Subject = long[:500] },
		"an unbroken one":    func(m *send.Message) { m.Subject = strings.Repeat("a", 512) },
		"an unbroken umlaut": func(m *send.Message) { m.Subject = strings.Repeat("ü", 256) },
		"emoji":              func(m *send.Message) { m.Subject = strings.Repeat("👩‍🔧🔑", 20) },
		"Chinese": func(m *send.Message) {
			m.Subject, m.Text = "482913 是您的登录验证码", "482913 是您的登录验证码\n"
		},
		"like an encoded one": func(m *send.Message) { m.Subject = "=?utf-8?q?=0D=0ABcc:_eve@example.org?=" },
		"long lines":          func(m *send.Message) { m.Text, m.HTML = long, "<p>"+long+"</p>" },
		"a line of 5000":      func(m *send.Message) { m.Text, m.HTML = strings.Repeat("x", 5000), strings.Repeat("y", 5000) },
		"blanks at the end":   func(m *send.Message) { m.Text = "one \ntwo\t\n three =\n" },
		"dots":                func(m *send.Message) { m.Text = ".\n..\n.\r\n" },
		"old line ends":       func(m *send.Message) { m.Text = "one\rtwo\r\nthree\n" },
		"what ends a part":    func(m *send.Message) { m.Text = "--\n--0\n" },
	}
	for _, name := range []string{from, "Löhne & Gehälter «Österreich» – Ihr Dienstleister für alles <no-reply@example.com>"} {
		s := mustNew(t, Config{Host: "smtp.example.com", From: name})
		for what, change := range tests {
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				m := letter()
				change(&m)
				raw, bad := s.compose(m)
				if bad != nil {
					t.Fatal(bad)
				}
				h, parts, err := strictly(raw)
				if err != nil {
					t.Fatalf("%v\n%s", err, raw)
				}
				subject, err := new(mime.WordDecoder).DecodeHeader(h.Get("Subject"))
				if err != nil || what != "like an encoded one" && subject != m.Subject {
					t.Errorf("subject %q, %v", subject, err)
				}
				lf := strings.NewReplacer("\r\n", "\n", "\r", "\n")
				same := func(part, kind, want string) bool {
					return lf.Replace(strings.TrimRight(part, "\r\n")) == kind+"\n"+lf.Replace(strings.TrimRight(want, "\r\n"))
				}
				if !same(parts[0], "text/plain", m.Text) || m.HTML != "" && (len(parts) != 2 || !same(parts[1], "text/html", m.HTML)) {
					t.Errorf("parts %q", parts)
				}
				if h.Get("Message-Id") != "<"+m.ID+"@example.com>" {
					t.Errorf("Message-ID %q", h.Get("Message-Id"))
				}
				for field := range h {
					if strings.HasPrefix(field, "List-") || field == "Bcc" || field == "In-Reply-To" || field == "References" {
						t.Errorf("header %s", field)
					}
				}
			})
		}
	}
}

func TestTheStrictParserIsStrict(t *testing.T) {
	t.Parallel()
	s := mustNew(t, Config{Host: "smtp.example.com", From: from})
	good, bad := s.compose(letter())
	if bad != nil {
		t.Fatal(bad)
	}
	for name, change := range map[string][2]string{
		"a lone LF":        {"Auto-Submitted: auto-generated\r\n", "Auto-Submitted: auto-generated\n"},
		"a lone CR":        {"auto-generated", "auto\rgenerated"},
		"8 bits":           {"auto-generated", "auto-gén"},
		"a long line":      {"auto-generated", strings.Repeat("a", 999)},
		"a long word":      {"=?", "=?utf-8?q?" + strings.Repeat("a", 70) + "?= =?"},
		"two subjects":     {"Auto-Submitted: ", "Subject: a\r\nSubject: "},
		"no header":        {"Auto-Submitted: ", "Auto Submitted "},
		"another encoding": {"Content-Transfer-Encoding: quoted-printable", "Content-Transfer-Encoding: 8bit"},
		"no end":           {"--\r\n", "--"},
	} {
		raw := bytes.Replace(good, []byte(change[0]), []byte(change[1]), 1)
		if name == "no end" {
			raw = bytes.TrimSuffix(good, []byte("\r\n"))
		}
		if bytes.Equal(raw, good) {
			t.Fatalf("%s: nothing to change in\n%s", name, good)
		}
		if _, _, err := strictly(raw); err == nil {
			t.Errorf("%s is not noticed", name)
		}
	}
}
